/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-exits: what /proc/kvm_exits counts, for people and for other programs.
 */
#ifndef KVM_EXITS_H
#define KVM_EXITS_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

typedef __u32 u32;
typedef __u64 u64;

#define PROC_TABLE	"/proc/kvm_exits"
#define TABLE_VERSION	1

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* kvm-exits.c */
enum format { TEXT, JSON, CSV };
enum sort { SORT_TIME, SORT_EXITS, SORT_AVERAGE, SORT_NAME };

struct options {
	const char *file;
	const char *output;	/* NULL if not given */
	const char *textfile;
	enum format format;
	enum sort sort;
	u64 interval;		/* in ms, 0 if not given */
	unsigned long count;	/* of intervals, 0 if not given */
	char **command;		/* NULL if not given */
};

/* table.c */
enum file { TABLE, HISTOGRAM };
enum count { EXITS, CYCLES, STOPPED, MAX, P50, P99, P999, COUNTS };

#define UNKNOWN		ULLONG_MAX	/* a count that is not there, or '-' */
#define NAME_LEN	32
#define MAX_BUCKETS	32

struct row {
	u32 reason;
	char name[NAME_LEN];
	u64 count[COUNTS];
	u64 bucket[MAX_BUCKETS];
};

/*
 * One read of the file, or what lies between two.  The columns that the file
 * has are in @columns, a bit for each count; a file of histograms has
 * @nr_buckets further ones, named by their upper @bound.
 */
struct table {
	char vendor[NAME_LEN];
	u32 tsc_khz;
	u32 generation;
	u32 exits_per_read;
	unsigned int columns;
	unsigned int nr_buckets;
	u64 bound[MAX_BUCKETS];
	u64 ns;		/* CLOCK_MONOTONIC of the read, or an interval */
	u64 read_exits;	/* what reading cost, taken out */
	struct row total;
	struct row *rows;
	unsigned int nr_rows;
	int errnum;
	char error[256];
};

u64 now_ns(void);
u64 interval_end(u64 last, u64 ns);
bool table_read(struct table *t, enum file kind, const char *path);
void table_read_or_die(struct table *t, enum file kind, const char *path);
void table_free(struct table *t);
void table_copy(struct table *t, const struct table *from);
const struct row *table_row(const struct table *t, u32 reason);
bool table_delta(struct table *d, const struct table *then,
		 const struct table *now, u64 read_exits);
void table_sort(struct table *t, enum sort key, enum count clock,
		const struct table *tie);

static inline bool has(const struct table *t, enum count c)
{
	return t->columns & (1u << c);
}

/* output.c */
#define VALUE_LEN	40

double share(u64 part, u64 whole);
double row_average(const struct row *r, enum count clock);
const char *format_time(char buf[VALUE_LEN], double cycles, u32 tsc_khz);
const char *format_seconds(char buf[VALUE_LEN], u64 cycles,
			   u32 tsc_khz);
void print_csv_header(FILE *out);
void print_csv(FILE *out, const struct table *t, u64 end);
void print_json(FILE *out, const struct table *t, u64 end, bool reset);
void finish(FILE *out);

/* one each */
int cmd_stat(const struct options *o);
int cmd_top(const struct options *o);
int cmd_report(const struct options *o);
int cmd_prometheus(const struct options *o);

#endif /* KVM_EXITS_H */
