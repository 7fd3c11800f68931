// SPDX-License-Identifier: GPL-2.0-only
/*
 * culprit port|msr|hypercall|clock|device TIMES [PAUSE]: cause exits whose code and
 * detail are known: outer() calls inner() a hundred times, and each call causes a
 * hundredth of TIMES exits.  After each call outer() sleeps for PAUSE microseconds.
 *
 * port: writes to port 0x80.  msr: reads of MSR 0x17.  hypercall: SEND_IPI, which KVM
 * refuses to user space.  clock: clock_gettime().  device: reads of /dev/hwrng.
 *
 * culprit crowd PROCESSES: when all processes are there, print a line and wait for
 * SIGUSR1.  Then each of them writes to port 0x80 once, and ends.
 */
#include <sys/io.h>
#include <time.h>

#include "common.h"

#define PORT		0x80
#define PLATFORM_ID	0x17
#define SEND_IPI	10L

static int file = -1;

/* The asm takes the address of the frame: otherwise the function would have no frame. */
static void use_port(void)
{
	asm volatile("" :: "r" (__builtin_frame_address(0)));
	outb(0, PORT);
}

static void use_vmmcall(void)
{
	long ret;

	asm volatile("" :: "r" (__builtin_frame_address(0)));
	asm volatile("vmmcall" : "=a" (ret) : "0" (SEND_IPI) : "memory");
}

static void use_vmcall(void)
{
	long ret;

	asm volatile("" :: "r" (__builtin_frame_address(0)));
	asm volatile("vmcall" : "=a" (ret) : "0" (SEND_IPI) : "memory");
}

static void use_file(void)
{
	__u64 value;

	if (pread(file, &value, sizeof(value), PLATFORM_ID) < 0)
		exit(1);
}

static void use_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void use_device(void)
{
	char byte[64];

	if (read(file, byte, sizeof(byte)) < 0)
		exit(1);
}

__attribute__((noipa, noinline)) static void inner(void (*use)(void), int times)
{
	while (times--)
		use();
	/* Prevent a tail call, after which this function would have no frame. */
	asm volatile("");
}

__attribute__((noipa, noinline)) static void outer(void (*use)(void), int times,
						   int pause)
{
	int i;

	for (i = 0; i < 100; i++) {
		inner(use, times / 100);
		if (pause)
			usleep(pause);
	}
}

static int be_many(int processes)
{
	int i, signal, begin[2];
	sigset_t set;
	char c;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (ioperm(PORT, 1, 1) || pipe(begin)) {
		perror("culprit: ioperm or pipe");
		return 1;
	}
	for (i = 0; i < processes; i++) {
		switch (fork()) {
		case -1:
			perror("culprit: fork");
			return 1;
		case 0:
			close(begin[1]);
			/* Wait until the writing end is closed. */
			if (read(begin[0], &c, 1) < 0)
				_exit(1);
			inner(use_port, 1);
			_exit(0);
		}
	}
	puts("culprit: all are there");
	fflush(stdout);
	sigwait(&set, &signal);
	close(begin[1]);
	return !!failed_children(processes);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	void (*use)(void);

	if (argc == 3 && !strcmp(what, "crowd"))
		return be_many(atoi(argv[2]));
	if (!strcmp(what, "port")) {
		use = use_port;
		if (ioperm(PORT, 1, 1)) {
			perror("culprit: ioperm");
			return 1;
		}
	} else if (!strcmp(what, "msr")) {
		use = use_file;
		file = open(MSR_FILE, O_RDONLY);
	} else if (!strcmp(what, "hypercall")) {
		use = on_amd() ? use_vmmcall : use_vmcall;
	} else if (!strcmp(what, "clock")) {
		use = use_clock;
	} else if (!strcmp(what, "device")) {
		use = use_device;
		file = open("/dev/hwrng", O_RDONLY);
	} else {
		fprintf(stderr, "usage: culprit port|msr|hypercall|clock|device TIMES [PAUSE]\n"
			"       culprit crowd PROCESSES\n");
		return 2;
	}
	if (argc < 3)
		return 2;
	outer(use, atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 0);
	return 0;
}
