/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The histogram's buckets, written down a second time, for the sake of being
 * obvious.
 */
#ifndef _HISTOGRAM_H
#define _HISTOGRAM_H

#include "common.h"

#define LAST_BUCKET	(KVM_EXITS_BUCKETS - 1)

/* What is in the bucket is shorter than this, but for the last one. */
static inline __u64 bound(unsigned int bucket)
{
	return 1024ULL << bucket;
}

static inline unsigned int bucket_of(__u64 cycles)
{
	unsigned int n = 0;

	while (n < LAST_BUCKET && cycles >= bound(n))
		n++;
	return n;
}

static inline __u64 sum_of(const __u64 *histogram)
{
	__u64 sum = 0;
	int n;

	for (n = 0; n < KVM_EXITS_BUCKETS; n++)
		sum += histogram[n];
	return sum;
}

/* The bucket up to which there are @permille of a thousand, or more. */
static inline unsigned int percentile_of(const __u64 *histogram, int permille)
{
	__u64 all = sum_of(histogram), sum = 0;
	unsigned int n;

	for (n = 0; n < LAST_BUCKET; n++) {
		sum += histogram[n];
		if (sum * 1000 >= all * permille)
			break;
	}
	return n;
}

/* As the table shows it. */
static inline __u64 shown(unsigned int bucket, __u64 max)
{
	return bucket < LAST_BUCKET && bound(bucket) < max ? bound(bucket) : max;
}

static const int permille[] = { 500, 990, 999 };

#endif /* _HISTOGRAM_H */
