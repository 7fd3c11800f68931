/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The histogram's buckets, computed independently of KVM's code and in the most
 * obvious way, and a parser of /proc/kvm_exits_histogram.
 */
#ifndef _HISTOGRAM_H
#define _HISTOGRAM_H

#include "table.h"

#define HISTOGRAM_NAME	"/proc/kvm_exits_histogram"
#define LAST_BUCKET	(KVM_VMEXIT_BUCKETS - 1)

/* Each stop in the bucket is shorter than this.  The last bucket has no bound. */
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

	for (n = 0; n < KVM_VMEXIT_BUCKETS; n++)
		sum += histogram[n];
	return sum;
}

/*
 * Return the first bucket up to whose end there are at least @permille thousandths of
 * all stops.
 */
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

/* A percentile in @bucket, as the table shows it. */
static inline __u64 shown(unsigned int bucket, __u64 max)
{
	return bucket < LAST_BUCKET && bound(bucket) < max ? bound(bucket) : max;
}

static const int permille[] = { 500, 990, 999 };

struct histogram_row {
	char reason[16], name[32];
	__u64 exits, stopped;
	__u64 bucket[KVM_VMEXIT_BUCKETS];
};

struct histogram {
	unsigned int exits_per_read;
	int rows;
	struct histogram_row total, row[MAX_REASONS];
};

static inline bool parse_histogram_row(char *line, struct histogram_row *r)
{
	char *end;
	int i, n;

	if (sscanf(line, "%15s %31s %llu %llu%n", r->reason, r->name, &r->exits,
		   &r->stopped, &n) != 4)
		return false;
	for (i = 0, line += n; i < KVM_VMEXIT_BUCKETS; i++, line = end) {
		r->bucket[i] = strtoull(line, &end, 10);
		if (end == line)
			return false;
	}
	return !*end;
}

static inline bool parse_histogram_columns(char *line)
{
	static const char * const names[] = {
		"#", "reason", "name", "exits", "stopped_cycles",
	};
	char *word = strtok(line, " ");
	unsigned int i;

	for (i = 0; i < 5; i++, word = strtok(NULL, " "))
		if (!word || strcmp(word, names[i]))
			return false;
	for (i = 0; i < LAST_BUCKET; i++, word = strtok(NULL, " "))
		if (!word || strtoull(word, NULL, 10) != bound(i))
			return false;
	return word && !strcmp(word, "inf") && !strtok(NULL, " ");
}

/*
 * Parse a histogram and compare its header with @t's.  Return the same as
 * parse_table().
 */
static inline const char *parse_histogram(char *text, struct histogram *h,
					  struct table *t)
{
	struct histogram_row sum = {}, *r;
	unsigned int version, khz, generation;
	char vendor[8], *line;
	int i, n;

	memset(h, 0, sizeof(*h));
	if (sscanf(text, "# kvm_exits_histogram version %u\n# vendor %7s\n"
		   "# tsc_khz %u\n# generation %u\n# exits_per_read %u\n%n",
		   &version, vendor, &khz, &generation, &h->exits_per_read,
		   &n) != 5)
		return "another header";
	if (version != t->version || strcmp(vendor, t->vendor) ||
	    khz != t->tsc_khz || generation != t->generation)
		return "a header that is not the table's";

	line = strsep(&text, "\n");
	for (i = 0; i < 5; i++)
		line = strsep(&text, "\n");
	if (!line || !parse_histogram_columns(line))
		return "other columns";
	line = strsep(&text, "\n");
	if (!line || !parse_histogram_row(line, &h->total) ||
	    strcmp(h->total.reason, "-") || strcmp(h->total.name, "total"))
		return "no total";

	while ((line = strsep(&text, "\n")) && *line) {
		r = &h->row[h->rows++];
		if (h->rows > MAX_REASONS || !parse_histogram_row(line, r))
			return "a row that cannot be parsed";
		sum.exits += r->exits;
		sum.stopped += r->stopped;
		for (i = 0; i < KVM_VMEXIT_BUCKETS; i++)
			sum.bucket[i] += r->bucket[i];
	}
	if (sum.exits != h->total.exits || sum.stopped != h->total.stopped ||
	    memcmp(sum.bucket, h->total.bucket, sizeof(sum.bucket)))
		return "rows that do not add up";
	return "whole";
}

#endif /* _HISTOGRAM_H */
