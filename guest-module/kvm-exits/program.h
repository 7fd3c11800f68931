/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interfaces between the parts of the program kvm-exits.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <regex.h>
#include <sys/types.h>
#include <linux/types.h>
#include <uapi/asm/kvm_vmexit.h>

typedef __u8 u8;
typedef __s32 s32;
typedef __u32 u32;
typedef __u64 u64;

#ifndef PROC_TABLE
#define PROC_TABLE	"/proc/kvm_exits"
#endif
#define DEBUGFS_KVM	"/sys/kernel/debug/kvm"
#define TABLE_VERSION	1
#define OUTPUT_VERSION	2	/* of JSON and CSV */
#define NSEC		1000000000ull

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* table.c: the parser */
enum file { TABLE, HISTOGRAM };
enum count { EXITS, CYCLES, STOPPED, MAX, P50, P99, P999, COUNTS };

#define UNKNOWN		ULLONG_MAX	/* a missing count, or '-' */
#define NAME_LEN	32
#define MAX_BUCKETS	32

struct row {
	u32 reason;
	char name[NAME_LEN];
	u64 count[COUNTS];
	u64 bucket[MAX_BUCKETS];
	u64 bucket_cycles;		/* the stopped cycles in the buckets */
	double deviation[STOPPED + 1];	/* of repeated runs */
	double average_deviation;	/* of the runs' average handling times */
	u64 own;			/* exits of the command or the target itself */
	bool has_own;
};

/* What a guest can read about itself.  An empty string is unknown. */
struct facts {
	char clocksource[NAME_LEN];
	char apic[NAME_LEN];		/* x2apic or xapic */
	char nmi_watchdog[NAME_LEN];	/* 1 or 0 */
	char nested[NAME_LEN];		/* yes or no: it runs guests itself */
	char pv_features[NAME_LEN];	/* CPUID 0x40000001, in hexadecimal */
	char cpus[NAME_LEN];
};

struct fact {
	const char *key;	/* in a table's header */
	size_t offset;		/* in struct facts */
};

extern const char * const count_names[COUNTS];
extern const struct fact facts[];
extern const unsigned int nr_facts;

/*
 * One read of a source, or the difference of two.  @columns has a bit for each
 * count that the source has.  The other counts are UNKNOWN in each row, which
 * is not zero: what is computed from them is NAN, and is shown as '-' in text,
 * null in JSON and an empty field in CSV.  @nr_buckets counts the histogram's
 * columns; their names are the upper bounds in @bound.
 */
struct table {
	char vendor[NAME_LEN];
	u32 tsc_khz;
	u32 generation;
	u32 exits_per_read;
	unsigned int columns;
	unsigned int nr_buckets;
	u64 bound[MAX_BUCKETS];
	struct facts facts;
	u64 ns;		/* CLOCK_MONOTONIC of the read, or the interval's length */
	u64 wall_ns;	/* CLOCK_REALTIME of the read, or of the interval's end */
	bool in_ns;	/* times are in ns, and @tsc_khz is not that of the TSC */
	bool by_cpuid;		/* the source is the leaves */
	char origin[NAME_LEN];	/* what counted, if not the patched KVM */
	u64 steal_ns;	/* stolen from the guest's CPUs; UNKNOWN on a host */
	bool saved;	/* by kvm-exits: the kernel's tables have no wall_time */
	u64 span_ns;	/* of a saved table: the time that it covers, or 0 */
	u64 uptime_ns;	/* of a saved table: since the guest's boot, or 0 */
	u32 exits_before; /* by CPUID since the last read, without exits_per_read */
	u64 read_exits;	/* the exits of reading that were subtracted */
	u64 missing_ns;		/* of a sum: the time for which it has no counts */
	unsigned int resets;	/* in this sum */
	const char *own_of;	/* whose own exits are in the rows */
	const char *no_own;	/* why the command's own exits are unknown */
	unsigned int runs;	/* the number of runs in this mean, or 0 */
	struct row total;
	struct row *rows;
	unsigned int nr_rows;
	int errnum;
	char error[256];
};

/*
 * A form of a table as text, recognised by its content.  The first entry of
 * foreign_formats[] in foreign.c that matches parses the text.
 *
 * @name: for messages
 * @origin: for table.origin
 * @matches: whether the text is of this form, whole or not
 * @parse: fill the zeroed table; false with a message in t->error, which names
 *         the first line that does not fit.  It may change the text.
 */
struct text_format {
	const char *name;
	const char *origin;
	bool (*matches)(const char *text);
	bool (*parse)(struct table *t, char *text, const char *path);
};

char *read_text(struct table *t, const char *path, size_t max);
/* foreign.c: the tables of other tools */
extern const struct text_format * const foreign_formats[];
extern const unsigned int nr_foreign_formats;

bool table_read(struct table *t, enum file kind, const char *path);
bool table_parse(struct table *t, enum file kind, char *text, const char *path);
void table_free(struct table *t);
void table_copy(struct table *t, const struct table *from);
struct row *table_new_row(struct table *t, u32 reason);
const struct row *table_row(const struct table *t, u32 reason);
void word_copy(char name[NAME_LEN], const char *s);

static inline bool has(const struct table *t, enum count c)
{
	return t->columns & (1u << c);
}

/* difference.c: arithmetic with tables */
enum sort { SORT_TIME, SORT_EXITS, SORT_AVERAGE, SORT_NAME };
#define SORTS		(SORT_NAME + 1)
#define FILTER_LEN	64
#define WHY_LEN		128

extern const char * const sort_names[SORTS];

bool table_delta(struct table *d, const struct table *then,
		 const struct table *now, u64 read_exits);
bool table_add(struct table *t, const struct table *from);
void table_restart(struct table *t);
void table_mean(struct table *t, const struct table *run, unsigned int runs);
bool filter_compile(regex_t *filter, const char *s, char why[WHY_LEN]);
bool row_matches(const struct row *r, const regex_t *filter);
bool table_matches(const struct table *t, const regex_t *filter);
void table_filter(struct table *t, const regex_t *filter);
void table_sort(struct table *t, enum sort key, enum count clock,
		const struct table *tie);
enum count table_clock(const struct table *t);
double share(u64 part, u64 whole);
double row_average(const struct row *r, enum count clock);
double row_rate(const struct table *t, const struct row *r);

/* clock.c: time and intervals */
u64 now_ns(void);
u64 wall_ns(void);
u64 interval_end(u64 last, u64 ns);
bool parse_time(const char *s, u64 unit, u64 *ns);
#define TIME_LEN	40
const char *format_wall(char buf[TIME_LEN], u64 ns);

/* main.c */
enum format { TEXT, JSON, CSV };
enum target { PROCESSES, CGROUP, CPUS };

struct source;

struct options {
	const char *file;
	bool live;		/* the source has this guest's own counts */
	const char *output;	/* NULL if not given */
	const char *textfile;
	const char *html;	/* the page of a report */
	const char *allow;
	const char *vm;
	pid_t vm_pid;		/* of its VMM, 0 without --vm */
	const char *debugfs;
	const char *source_name;	/* NULL if not given */
	const struct source *source;	/* the one in use */
	enum format format;
	enum sort sort;
	u64 interval;		/* in ns, 0 if not given */
	u64 duration;		/* of the counts in @file, in ns, 0 if not given */
	unsigned long count;	/* of intervals, 0 if not given */
	unsigned long repeat;	/* 0 if not given */
	bool percentiles;
	bool all_vms;		/* of a host */
	bool processes;
	bool occurred;		/* no metrics of reasons that never occurred */
	const char *target;	/* whose own exits to count, or NULL */
	enum target target_kind;
	bool per_cpu;
	bool no_own;		/* do not count the command's own exits */
	pid_t pid;		/* of "kvm-exits who -p"; 0 if not given */
	const char *cgroup;
	const char *by;
	unsigned long period;	/* 0 if not given */
	unsigned long freq;
	unsigned long rows;
	bool folded;
	const char *svg;
	regex_t *filter;	/* NULL if not given */
	const char *filter_text;
	char **args;		/* the arguments after the options, or NULL */
	unsigned int nr_args;
};

/*
 * The exit status if the program itself fails.  With a command it is
 * FAILED_BESIDE, as with env(1) and timeout(1), to differ from the command's.
 */
#define FAILED_BESIDE	125
extern int failed;

/*
 * source.c: where tables come from, and the guest's facts.
 *
 * A source is one of these structs, and an entry in sources[] of source.c.
 * Without --source, the first one that is available is used.
 *
 * @name: for --source
 * @vms: it has the tables of a host's VMs, of which --vm chooses one
 * @available: whether it is there; it may set o->file and o->live
 * @counts_from_start: it begins to count at the first read
 * @read: one read of all counts since some fixed moment, with the percentiles
 *        and the buckets if o->percentiles; false with a message in t->error
 * @has_next: of a record: whether there is another table; NULL for the other sources,
 *            which can be read at any time
 * @read_vm: like @read, for one VM of a host: @path is the VM's file in debugfs, and
 *           @pid is its VMM
 */
struct source {
	const char *name;
	bool vms;
	bool counts_from_start;
	bool (*available)(struct options *o);
	bool (*read)(const struct options *o, struct table *t);
	bool (*has_next)(void);
	bool (*read_vm)(const struct options *o, struct table *t,
			const char *path, pid_t pid);
};

void source_choose(struct options *o, bool vms);
bool source_read(const struct options *o, struct table *t);
void source_read_or_die(const struct options *o, struct table *t);
bool source_is_printed(const struct options *o, const struct table *t);
bool source_is_fixed(const struct options *o, const struct table *t);
void source_need_changes(const struct options *o, const struct table *t);
void facts_read(struct facts *f);
u64 steal_read(void);
void histogram_merge(struct table *t, const struct table *h);

/* leaves_source.c: the source without a module */
extern const struct source leaves_source;

/* cpuid.c: what the processor answers */
extern u64 cpuid_exits;
bool cpuid_enabled(void);

/* hypervisor.c: the hypervisor, by what CPUID answers */
#define SIGNATURE_LEN	13

bool cpuid_in_vm(void);
u32 cpuid_hypervisor(char name[SIGNATURE_LEN]);

/* output.c: numbers as text, and tables as JSON and CSV */
#define VALUE_LEN	40

enum state { COUNTED, RESET, GAP };

const char *format_time(char buf[VALUE_LEN], double cycles, u32 tsc_khz);
const char *format_short(char buf[VALUE_LEN], u64 cycles, u32 tsc_khz);
const char *format_number(char buf[VALUE_LEN], int places, double val);
const char *format_origin(char buf[VALUE_LEN], const struct table *t);
const char *format_seconds(char buf[VALUE_LEN], u64 cycles, u32 tsc_khz);
double cpu_share(const struct table *t, u64 cycles);
void format_summary(char *buf, size_t size, const struct table *t);
void print_incomplete(FILE *out, const struct table *t);
void print_text(FILE *out, const struct table *t);
void print_csv_header(FILE *out);
void print_csv(FILE *out, const struct table *t, u64 end, enum state state);
void print_json_fields(FILE *out, const struct table *t, const struct row *r);
bool is_field(const char *name);
double field_value(const struct table *t, const struct row *r,
		   const char *name);
void begin_json(FILE *out, const struct table *t, u64 end, enum state state);
void print_json(FILE *out, const struct table *t, u64 end, enum state state);
void finish(FILE *out);
void check_replaceable(const char *path);
void replace_file(const char *path, mode_t mode,
		  void (*print)(FILE *out, const struct table *t),
		  const struct table *t);

/* text.c: text from outside */
char *fit_text(const char *s, unsigned int columns);
void read_comm(char *name, size_t size, const char *path);
char *label_text(const char *s);
const char *printable(const char *s);
void print_json_string(FILE *out, const char *s);
void print_json_key(FILE *out, const char *key);
void print_json_number(FILE *out, const char *key, int places, double val);
void print_json_text(FILE *out, const char *key, const char *s);

/* record.c: a series of tables in a file */
struct record {
	char *text;
	char *next;		/* the next table, or NULL */
	const char *path;
	struct facts facts;	/* of the first table */
};

extern const struct source record_source;

bool is_record(const char *path);
void record_rewind(void);
bool record_open(struct record *r, const char *path, struct table *t);
bool record_read(struct record *r, struct table *t);
void record_close(struct record *r);

/* save.c */
void table_print(FILE *out, const struct table *t, bool zeros);

/* run.c: running a command, and waiting for intervals to end */
void run_start(char **command, void (*ready)(pid_t pid));
void run_abandon(void);
void run_allow(bool allow);
void run_end(void);
bool run_ended(void);
bool run_wait(u64 until);
int run_status(void);

/* perf_events.c: exits of one task, cgroup or CPU */
struct pmu_target {
	pid_t pid;		/* or the descriptor of a cgroup, or -1 for all */
	int cpu;		/* -1 for all */
	unsigned long flags;
	bool inherit;		/* count its children as well */
	bool on_exec;		/* begin at its next execve() */
};

int pmu_open_target(const char *event, const struct pmu_target *target);
int pmu_open(const char *event, pid_t pid);
struct perf_event_attr;

bool pmu_encode(const char *event, struct perf_event_attr *attr);
u64 pmu_read(int fd);
u64 raise_file_limit(void);
const char *pmu_error(int error);

/* history.c: the rates of the last intervals */
#define HISTORY	60

struct history *history_open(void);
void history_close(struct history *h);
void history_add(struct history *h, const struct table *t);
double history_draw(char *buf, size_t size, const struct history *h,
		    u32 reason, unsigned int width);

/* processes.c: exits by process or CPU */
struct process {
	pid_t pid;
	char name[20];
	u64 last;		/* exits since the last refresh */
	u64 start;		/* exits since it was first seen */
};

struct processes;

struct processes *processes_open(bool cpus, const char **why);
void processes_refresh(struct processes *p);
void processes_sort(struct processes *p, enum sort key);
void processes_close(struct processes *p);
unsigned int processes_list(const struct processes *p,
			    const struct process **list, unsigned int *left_out);

/* terminal.c */
bool terminal_find(void);

/* limits.c: the exit statuses are those of monitoring plugins */
enum severity { WITHIN, WARNING, CRITICAL, NO_VALUE };

bool limit_add(const char *text, enum severity severity);
void limits_check_names(const struct table *t);
void limits_check(FILE *out, const struct table *t);
int limits_status(void);
bool has_limits(void);

/* own.c: the own exits of a command or of other targets */
void (*own_prepare(const struct options *o, const struct table *t))(pid_t pid);
void own_read(struct table *d);

/* vcpus.c: exits by vCPU */
#define VCPU_NAME_LEN	32

struct vcpu {
	char name[VCPU_NAME_LEN];	/* "CPU 3", or its thread's name on a host */
	u64 exits;
	double cost;			/* cycles, by the averages of the VM */
	char most[NAME_LEN];		/* the reason with most exits, except sleep */
	u64 most_exits;
};

const char *vcpus_open(const struct table *t, pid_t vmm);
struct vcpu *vcpus_read(const struct table *t, unsigned int *nr);

/* stat.c */
int measure(const struct options *o, struct table *delta);

/* report.c */
void print_beginning(struct table *t);

/* html.c */
void html_report(const struct options *o, const struct table *t,
		 const char *text);

/* vms.c */
const char *find_vm(const struct options *o, const char *which);
pid_t vm_pid(const struct options *o);
unsigned int vm_vcpus(const struct options *o);
/* A VM of a host and its last read. */
struct vm_table {
	const char *name;
	pid_t pid;
	int fd;
	struct table *t;
};

/* top.c: for the screen of the VMs, too */
bool screen_open(void);
bool screen_wait(u64 until);

/* vms.c: all VMs of a host */
unsigned int vms_tables(const struct options *o, struct vm_table **list);
bool vms_have_files(const struct options *o);
unsigned int vms_sum(unsigned int (*value)(pid_t pid));

/* tracepoints.c: counting in a stock KVM */
extern const struct source tracepoints_source;
extern const bool tracepoints_built;	/* with libbpf */

/* names.c: the numbers of reasons, by their names */
u32 isa_of_vendor(const char *vendor);
bool reason_of_name(u32 isa, const char *name, u32 *reason);

/* The commands: each is in the file of its name, but explain is in reasons.c. */
int cmd_hist(const struct options *o);
int cmd_record(const struct options *o);
int cmd_save(const struct options *o);
int cmd_diff(const struct options *o);
int cmd_vms(const struct options *o);
int cmd_explain(const struct options *o);
int cmd_stat(const struct options *o);
int cmd_top(const struct options *o);
int cmd_report(const struct options *o);
int cmd_prometheus(const struct options *o);
int cmd_check(const struct options *o);
int cmd_who(const struct options *o);

#endif /* PROGRAM_H */
