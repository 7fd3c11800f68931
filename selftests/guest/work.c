// SPDX-License-Identifier: GPL-2.0-only
/*
 * work SECONDS: cause the usual exits of a guest on all CPUs at once: timers, IPIs,
 * faults on fresh memory, port I/O, MSRs, CPUID.
 *
 * work -n TIMES: execute CPUID, a write to a port and a read of an MSR, TIMES times.
 *
 * work -p: execute a hypercall and a write to a port, in turn, until it is killed.
 */
#include <pthread.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <time.h>

#include "common.h"

#define CHUNK	(8 << 20)

static time_t end;

/* This stays a function of its own, which the call chains of samples show. */
__attribute__((noipa)) static void instructions(int times)
{
	int msr = open(MSR_FILE, O_RDONLY);
	__u64 value;

	ioperm(0x80, 1, 1);
	while (times--) {
		ask(0, 0);
		outb(0, 0x80);
		if (pread(msr, &value, sizeof(value), 0x1b) < 0)
			break;
	}
	close(msr);
}

static void pairs(void)
{
	ioperm(0x80, 1, 1);
	for (;;) {
		hypercall();
		outb(0, 0x80);
	}
}

static void *work(void *cpu)
{
	struct timespec pause = { .tv_nsec = 200000 };
	char *memory;
	int i;

	pin((long)cpu);

	while (time(NULL) < end) {
		/* munmap() sends IPIs to the CPUs of the other threads. */
		memory = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory != MAP_FAILED) {
			for (i = 0; i < CHUNK; i += 4096)
				memory[i] = 1;
			munmap(memory, CHUNK);
		}

		instructions(100);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[64];
	long i, n = cpus();

	if (argc == 3 && !strcmp(argv[1], "-n")) {
		instructions(atoi(argv[2]));
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "-p"))
		pairs();
	if (argc != 2 || n > 64) {
		fprintf(stderr, "usage: work SECONDS|-n TIMES|-p\n");
		return 2;
	}

	end = time(NULL) + atoi(argv[1]);
	for (i = 0; i < n; i++)
		pthread_create(&thread[i], NULL, work, (void *)i);
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
