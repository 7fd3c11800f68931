/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interfaces between the parts of kvm-exits who.  The flow is: rings.c reads
 * samples, tasks.c knows the processes, rows.c keeps the samples.  When no more come,
 * symbols.c names the code, decode.c names what the exits were about, rows.c adds
 * up, who_print.c prints.
 */
#ifndef WHO_H
#define WHO_H

#include "program.h"

/* rings.c */
#define MAX_CHAIN	127

struct sample {
	s32 reason;
	pid_t pid;
	pid_t tid;
	u32 cpu;
	u64 time;
	u64 detail;
	u64 exits;
	u64 lost;
	u64 cgroup;		/* its inode, or 0 */
	bool hidden;		/* the detail is not for this user */
	unsigned int nr_ips;	/* the first one is the code that exited */
	u64 ip[MAX_CHAIN];
	bool user[MAX_CHAIN];
};

struct rings;

/*
 * @events: names of events of the PMU, all with the same period
 * @pid: the task, whose children are sampled too, or -1 for all tasks
 * @user: only the code of user space
 */
struct rings_options {
	const char * const *events;
	unsigned int nr_events;
	u64 period;
	pid_t pid;
	bool user;
};

struct rings *rings_open(const struct rings_options *o);
bool rings_add_task(struct rings *r, const struct rings_options *o, pid_t tid);
void rings_enable(struct rings *r);
void rings_set_period(struct rings *r, u64 period);
u64 rings_read(struct rings *r, bool all, void (*take)(const struct sample *s));
void rings_close(struct rings *r);

/* tasks.c */
struct map {
	u64 start, end, offset;
	u32 major, minor;
	u64 inode;
	char *path;
};

struct process_maps {
	pid_t pid;
	pid_t parent;
	bool read;
	bool exec;		/* seen from its start: the maps are complete */
	bool wanted;		/* with -p or a command: its samples are to be shown */
	unsigned int nr;
	struct map *map;
};

void task_comm(pid_t pid, pid_t tid, const char *name, bool exec);
void task_fork(pid_t pid, pid_t parent, pid_t tid, pid_t parent_tid);
pid_t task_parent(pid_t pid);
void task_map(pid_t pid, const struct map *m);
void tasks_read(void);
void task_want(pid_t pid);
bool task_is_wanted(pid_t pid);
const char *task_name(pid_t pid, pid_t tid);
const struct map *task_find_map(pid_t pid, u64 ip);
void cgroup_name_is(u64 id, const char *path);
const char *cgroup_name(u64 id);
bool cgroup_below(u64 id, const char *path);

/* symbols.c */
struct binary;

/* Code: in a binary, in the kernel, or known by name alone. */
struct frame {
	struct binary *binary;
	u64 address;		/* in the file, or in the kernel */
	const char *name;
};

bool frame_find(struct frame *f, const struct sample *s, unsigned int i);
const char *frame_name(struct frame *f);

/* decode.c */
#define WHAT_LEN	96

const char *decode(char buf[WHAT_LEN], const char *reason, u64 detail);

/* rows.c */
enum key { BY_REASON, BY_WHAT, BY_PROCESS, BY_CODE, BY_CGROUP, BY_CPU, BY_PID, KEYS };

struct who_row {
	char *text[KEYS];	/* NULL if it is not in the grouping */
	char **code;		/* the whole call chain, from the code that exited */
	unsigned int nr_code;
	u64 exits;
	u64 samples;
	double seconds;		/* estimated; NAN if unknown */
	u64 *by_reason;
};

extern const char * const key_names[KEYS];

bool rows_parse_by(const char *list);
void rows_by_chain(void);
bool rows_have(enum key key);
unsigned int rows_keys(enum key *keys);
void rows_add(const struct sample *s);
unsigned int rows_finish(const struct table *t, const struct table *delta, struct who_row ***list);

/* who_print.c */
struct who {
	const struct options *o;
	struct who_row **row;
	unsigned int nr_rows;
	const struct table *delta;
	double seconds;
	u64 exits;
	u64 samples;
	u64 taken;		/* samples, with those of other tasks */
	u64 lost_exits;		/* that no sample stands for */
	u64 lost_records;	/* that the buffers had no room for */
	u64 period;
	bool period_changed;
	double cost;		/* of sampling, in percent of a CPU; NAN if unknown */
	double time;		/* of all rows, in seconds */
	bool hidden;
};

void who_print_text(FILE *out, const struct who *w);
void who_print_json(FILE *out, const struct who *w);
void who_print_folded(FILE *out, const struct who *w);
void who_print_svg(FILE *out, const struct who *w);

#endif /* WHO_H */
