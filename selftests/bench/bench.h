/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of measured cycles.
 */
#ifndef _BENCH_H
#define _BENCH_H

#include "common.h"

static int compare(const void *a, const void *b)
{
	__u64 x = *(__u64 *)a, y = *(__u64 *)b;

	return (x > y) - (x < y);
}

/* The median of an odd number of values.  Sorts them. */
static inline __u64 median(__u64 *value, size_t n)
{
	qsort(value, n, sizeof(*value), compare);
	return value[n / 2];
}

#endif /* _BENCH_H */
