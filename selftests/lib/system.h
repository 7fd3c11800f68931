/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files, processes and CPUs of the machine that a test runs on.
 */
#ifndef _SYSTEM_H
#define _SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define NOBODY		65534
#define TEXT_BYTES	(64 * 1024)
#define TRACING		"/sys/kernel/tracing/"
#define SAMPLE_EVENT	TRACING "events/kvm_exits/vm_exit/enable"
#define PMU		"/sys/bus/event_source/devices/kvm_exits/"
#define PARANOID	"/proc/sys/kernel/perf_event_paranoid"
#define MSR_FILE	"/dev/cpu/0/msr"

static inline int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static inline int cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

static inline int failed_children(int n)
{
	int status, failed = 0;

	while (n--) {
		if (wait(&status) < 0)
			return -1;
		failed += !!status;
	}
	return failed;
}

/* A serial console causes port I/O even after a write has returned: wait for it. */
static inline void quiet_console(void)
{
	if (isatty(STDOUT_FILENO))
		tcdrain(STDOUT_FILENO);
}

/*
 * Read an open file from its position to its end, and terminate @text with a zero.
 * Return the number of bytes, or -1 with errno.
 */
static inline ssize_t read_text(int fd, char *text)
{
	ssize_t ret, n = 0;

	do {
		ret = read(fd, text + n, TEXT_BYTES - 1 - n);
		if (ret < 0)
			return ret;
		n += ret;
	} while (ret && n < TEXT_BYTES - 1);

	text[n] = '\0';
	return n;
}

static inline ssize_t read_file(const char *name, char *text)
{
	int err, fd = open(name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read_text(fd, text);
	err = errno;
	close(fd);
	errno = err;
	return n;
}

/* The number in a file, or -1. */
static inline int number_in(const char *name)
{
	char text[TEXT_BYTES];

	return read_file(name, text) > 0 ? atoi(text) : -1;
}

/* Write @text at once, as files in proc and sysfs require. */
static inline bool write_to(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return done;
}

static inline bool set_online(int cpu, const char *on)
{
	char name[64];

	snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return write_to(name, on);
}

/* Choose suspend to RAM.  Return NULL, or why the machine cannot do it. */
static inline const char *why_no_suspend(void)
{
	if (!write_to("/sys/power/mem_sleep", "deep"))
		return "the machine has no suspend to RAM";
	if (!access("/sys/kernel/debug/kcsan", F_OK))
		return "a kernel with KCSAN resets when it resumes";
	return NULL;
}

#endif /* _SYSTEM_H */
