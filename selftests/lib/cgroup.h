/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the kernel refuse allocations without fault injection: this process enters a
 * memory cgroup that is at its limit, and in which the kernel may kill no process.
 */
#ifndef _CGROUP_H
#define _CGROUP_H

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "system.h"

#define CGROUPS		"/run/cgroups"
#define CGROUP		CGROUPS "/kvm_exits"

/* The cgroup's files, opened beforehand: opening takes memory. */
struct cgroup {
	int max, high, current, printk;
	char loud[32], quiet[32];
};

static inline bool mount_cgroups(void)
{
	mkdir(CGROUPS, 0700);
	return !mount("none", CGROUPS, "cgroup2", 0, NULL) || errno == EBUSY;
}

/*
 * Move this process into a cgroup with a limit.  Lock all memory: if the kernel refuses
 * memory to a page fault, the program repeats this fault without end.
 */
static inline bool cgroup_enter(struct cgroup *c)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	if (!mount_cgroups())
		return false;
	write_to(CGROUPS "/cgroup.subtree_control", "+memory");
	mkdir(CGROUP, 0700);
	c->max = open(CGROUP "/memory.max", O_WRONLY);
	c->high = open(CGROUP "/memory.high", O_WRONLY);
	c->current = open(CGROUP "/memory.current", O_RDONLY);

	/* The kernel logs a call trace with each refusal: keep it off the console. */
	c->printk = open("/proc/sys/kernel/printk", O_RDWR);
	memset(c->loud, 0, sizeof(c->loud));
	if (pread(c->printk, c->loud, sizeof(c->loud) - 1, 0) <= 0)
		return false;
	snprintf(c->quiet, sizeof(c->quiet), "%d 6", atoi(c->loud));

	return c->max >= 0 && c->high >= 0 && c->current >= 0 &&
		write_to("/proc/self/oom_score_adj", "-1000") &&
		write_to(CGROUP "/cgroup.procs", pid) &&
		!mlockall(MCL_CURRENT | MCL_FUTURE);
}

/* Return the bytes that the cgroup has, or -1. */
static inline long memory_taken(struct cgroup *c)
{
	char text[32] = "";

	/* Make the CPUs return the memory that they have reserved for the cgroup. */
	if (pwrite(c->high, "0", 1, 0) != 1 || pwrite(c->high, "max", 3, 0) != 3 ||
	    pread(c->current, text, sizeof(text) - 1, 0) <= 0)
		return -1;
	return atol(text);
}

/* Let the cgroup take @pages pages more than it has. */
static inline bool limit_memory(struct cgroup *c, int pages)
{
	long taken = memory_taken(c);
	char text[32];
	int n;

	n = snprintf(text, sizeof(text), "%ld", taken + pages * 4096L);
	return taken >= 0 && pwrite(c->printk, c->quiet, strlen(c->quiet), 0) > 0 &&
		pwrite(c->max, text, n, 0) == n;
}

static inline bool unlimit_memory(struct cgroup *c)
{
	return pwrite(c->max, "max", 3, 0) == 3 &&
		pwrite(c->printk, c->loud, strlen(c->loud), 0) > 0;
}

#endif /* _CGROUP_H */
