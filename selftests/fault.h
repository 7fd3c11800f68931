/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel with fault injection refuses one allocation of a thread at its wish:
 * the first one, the second one, and so on, until it makes no more.
 */
#ifndef _FAULT_H
#define _FAULT_H

#include <sys/mman.h>

#include "common.h"

#define FAULTS	"/sys/kernel/debug/"

/*
 * Of pages, and of the caches that lab/run has chosen: the usual ones that may
 * wait, and without a word in the log.  Nothing is left for userspace to
 * allocate: it would try for ever.
 */
static inline int faults_open(void)
{
	if (!write_to(FAULTS "failslab/cache-filter", "Y") ||
	    !write_to(FAULTS "failslab/ignore-gfp-wait", "N") ||
	    !write_to(FAULTS "failslab/verbose", "0") ||
	    !write_to(FAULTS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    !write_to(FAULTS "fail_page_alloc/min-order", "0") ||
	    !write_to(FAULTS "fail_page_alloc/verbose", "0") ||
	    mlockall(MCL_CURRENT | MCL_FUTURE))
		return -1;
	return open("/proc/thread-self/fail-nth", O_RDWR);
}

/* From here on, the @nth allocation of this thread fails. */
static inline bool fault_start(int faults, int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	return pwrite(faults, text, n, 0) == n;
}

/* Up to here; true if so many there were. */
static inline bool fault_end(int faults)
{
	char left[16] = "";

	if (pread(faults, left, sizeof(left) - 1, 0) <= 0)
		abort();
	return fault_start(faults, 0) && !atoi(left);
}

#endif /* _FAULT_H */
