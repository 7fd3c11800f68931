/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes a kernel with fault injection refuse allocations.  In the n-th attempt, the
 * kernel refuses the n-th allocation of this thread.  The loop ends with the first
 * attempt that has fewer allocations.
 *
 *	while (next_fault(&faults)) {
 *		ret = attempt();
 *		ASSERT_TRUE(fault_was_harmless(&faults, ret));
 *	}
 */
#ifndef _FAULT_H
#define _FAULT_H

#include <sys/mman.h>

#include "system.h"

#define FAULTS	"/sys/kernel/debug/"

/*
 * @fd: the thread's fail-nth
 * @attempts: number of attempts
 * @refused: number of attempts that failed
 * @met: the last attempt reached the allocation that is refused
 */
struct faults {
	int fd, attempts, refused;
	bool met;
};

/*
 * Choose which allocations may be refused: those of pages, and those from the caches
 * that lab/run names, also if they may wait.  Do not log refusals.  Lock all memory:
 * if the kernel refuses memory to a page fault, the program repeats this fault without
 * end.
 * Return false if the kernel has no fault injection.
 */
static inline bool faults_open(struct faults *f)
{
	if (!write_to(FAULTS "failslab/cache-filter", "Y") ||
	    !write_to(FAULTS "failslab/ignore-gfp-wait", "N") ||
	    !write_to(FAULTS "failslab/verbose", "0") ||
	    !write_to(FAULTS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    !write_to(FAULTS "fail_page_alloc/min-order", "0") ||
	    !write_to(FAULTS "fail_page_alloc/verbose", "0") ||
	    mlockall(MCL_CURRENT | MCL_FUTURE))
		return false;

	*f = (struct faults){ .fd = open("/proc/thread-self/fail-nth", O_RDWR) };
	return f->fd >= 0;
}

/* Begin with the first allocation of another kind of attempt. */
static inline void faults_restart(struct faults *f)
{
	*f = (struct faults){ .fd = f->fd };
}

static inline void refuse_nth(struct faults *f, int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(f->fd, text, n, 0) != n)
		abort();
}

/* Return false if the last attempt did not reach the allocation that is refused. */
static inline bool next_fault(struct faults *f)
{
	if (f->attempts && !f->met)
		return false;
	refuse_nth(f, ++f->attempts);
	return true;
}

/* End an attempt.  Keeps errno. */
static inline void end_fault(struct faults *f)
{
	char left[16] = "";
	int err = errno;

	if (pread(f->fd, left, sizeof(left) - 1, 0) <= 0)
		abort();
	refuse_nth(f, 0);
	f->met = !atoi(left);
	errno = err;
}

/*
 * End an attempt that returned @ret, which is -1 if it failed with errno.  Return
 * false if it failed for another reason than the refusal.
 */
static inline bool fault_was_harmless(struct faults *f, int ret)
{
	end_fault(f);
	if (ret != -1)
		return true;
	f->refused++;
	return f->met && errno == ENOMEM;
}

#endif /* _FAULT_H */
