/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel without fault injection refuses allocations all the same, to a
 * memory cgroup that is at its limit and that nobody is killed in.  That needs
 * cgroups of version 1.
 */
#ifndef _CGROUP_H
#define _CGROUP_H

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common.h"

#define CGROUPS		"/run/cgroups"
#define CGROUP		CGROUPS "/kvm_exits"

static inline bool write_to(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return done;
}

/* Its files, opened once: opening takes memory. */
struct cgroup {
	int limit, usage;
};

/*
 * This process moves into such a cgroup, with all of its own memory in place:
 * what is refused to userspace would make it wait for ever.
 */
static inline bool cgroup_enter(struct cgroup *c)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	mkdir(CGROUPS, 0700);
	if (mount("none", CGROUPS, "cgroup", 0, "memory") && errno != EBUSY)
		return false;
	mkdir(CGROUP, 0700);
	c->limit = open(CGROUP "/memory.limit_in_bytes", O_WRONLY);
	c->usage = open(CGROUP "/memory.usage_in_bytes", O_RDONLY);
	return c->limit >= 0 && c->usage >= 0 &&
		write_to(CGROUP "/memory.oom_control", "1") &&
		write_to(CGROUP "/cgroup.procs", pid) &&
		!mlockall(MCL_CURRENT | MCL_FUTURE);
}

/* As much as it has, and so many pages. */
static inline bool limit_memory(struct cgroup *c, int pages)
{
	char text[32] = "";
	int n;

	/* No limit, but CPUs give back what they keep in store for it. */
	pwrite(c->limit, "0", 1, 0);
	pread(c->usage, text, sizeof(text) - 1, 0);
	n = snprintf(text, sizeof(text), "%ld", atol(text) + pages * 4096L);
	return pwrite(c->limit, text, n, 0) == n;
}

static inline bool unlimit_memory(struct cgroup *c)
{
	return pwrite(c->limit, "-1", 2, 0) == 2;
}

#endif /* _CGROUP_H */
