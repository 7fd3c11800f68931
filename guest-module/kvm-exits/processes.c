// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits by process: one event for each task, summed for each process.  Or by CPU:
 * one event for each CPU, in the same list.
 *
 * Each event takes exits at each switch of tasks, so there is one event for a
 * task, for all reasons.  The limit of open files limits the number of tasks.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define MAX_TASKS	4096
#define SPARE_FILES	32	/* for everything else */

struct task {
	pid_t tid;
	pid_t pid;
	int fd;
	u64 count;
	bool seen;		/* it still exists */
};

struct processes {
	bool cpus;		/* the PID of each process is the number of a CPU */
	struct task *task;
	unsigned int nr_tasks;
	unsigned int max_tasks;
	unsigned int left_out;
	struct process *process;
	unsigned int nr;
};

static struct task *find_task(struct processes *p, pid_t tid)
{
	unsigned int i;

	for (i = 0; i < p->nr_tasks; i++)
		if (p->task[i].tid == tid)
			return &p->task[i];
	return NULL;
}

static struct process *find_process(struct processes *p, pid_t pid)
{
	struct process *x;
	char path[64];
	unsigned int i;

	for (i = 0; i < p->nr; i++)
		if (p->process[i].pid == pid)
			return &p->process[i];
	p->process = reallocarray(p->process, p->nr + 1, sizeof(*p->process));
	if (!p->process)
		errx(failed, "no memory");
	x = &p->process[p->nr++];
	*x = (struct process) { .pid = pid };
	if (p->cpus) {
		snprintf(x->name, sizeof(x->name), "CPU %d", pid);
		return x;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	read_comm(x->name, sizeof(x->name), path);
	return x;
}

static void see_task(struct processes *p, pid_t pid, pid_t tid)
{
	struct task *t = find_task(p, tid);
	int fd;

	if (t) {
		t->seen = true;
		return;
	}
	if (p->nr_tasks == p->max_tasks) {
		p->left_out++;
		return;
	}
	fd = pmu_open("exits", tid);
	if (fd < 0) {
		if (errno != ESRCH)
			p->left_out++;
		return;
	}
	p->task[p->nr_tasks++] = (struct task) {
		.tid = tid, .pid = pid, .fd = fd, .seen = true,
	};
}

static void each_number(const char *path, struct processes *p, pid_t pid)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char tasks[64];
	pid_t n;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		n = atoi(e->d_name);
		if (n <= 0)
			continue;
		if (pid) {
			see_task(p, pid, n);
			continue;
		}
		snprintf(tasks, sizeof(tasks), "/proc/%d/task", n);
		each_number(tasks, p, n);
	}
	closedir(dir);
}

/* Read all tasks.  If a task has ended, this is the last read of its exits. */
static void read_tasks(struct processes *p)
{
	struct process *x;
	unsigned int i, n = 0;
	struct task *t;
	u64 now;

	for (i = 0; i < p->nr; i++)
		p->process[i].last = 0;
	for (i = 0; i < p->nr_tasks; i++) {
		t = &p->task[i];
		now = pmu_read(t->fd);
		if (now != UNKNOWN && now >= t->count) {
			x = find_process(p, t->pid);
			x->last += now - t->count;
			x->start += now - t->count;
			t->count = now;
		}
		if (t->seen)
			p->task[n++] = *t;
		else
			close(t->fd);
	}
	p->nr_tasks = n;
}

static int by_exits(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	if (x->last != y->last)
		return x->last < y->last ? 1 : -1;
	if (x->start != y->start)
		return x->start < y->start ? 1 : -1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_name(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return strverscmp(x->name, y->name) ?: by_exits(a, b);
}

/* Sort the processes by exits, or by name. */
void processes_sort(struct processes *p, enum sort key)
{
	if (p->nr)
		qsort(p->process, p->nr, sizeof(*p->process),
		      key == SORT_NAME ? by_name : by_exits);
}

/* Read the counts, and look for new tasks. */
void processes_refresh(struct processes *p)
{
	unsigned int i;

	if (!p->cpus) {
		for (i = 0; i < p->nr_tasks; i++)
			p->task[i].seen = false;
		p->left_out = 0;
		each_number("/proc", p, 0);
	}
	read_tasks(p);
	processes_sort(p, SORT_EXITS);
	/* Processes that have ended stay in the list, up to its limit. */
	if (p->nr > MAX_TASKS)
		p->nr = MAX_TASKS;
}

/* A CPU that is offline has no event. */
static void see_cpus(struct processes *p)
{
	struct pmu_target target = { .pid = -1 };
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int fd;

	for (target.cpu = 0; target.cpu < cpus; target.cpu++) {
		fd = pmu_open_target("exits", &target);
		if (fd < 0 || p->nr_tasks == p->max_tasks)
			continue;
		p->task[p->nr_tasks++] = (struct task) {
			.pid = target.cpu, .fd = fd, .seen = true,
		};
	}
}

/**
 * processes_open() - begin to count by process
 * @cpus: count by CPU instead
 * @why: set to the reason if that is not possible
 *
 * Return: the argument for the other functions, or NULL.
 */
struct processes *processes_open(bool cpus, const char **why)
{
	struct pmu_target target = {
		.pid = cpus ? -1 : getpid(), .cpu = cpus ? 0 : -1,
	};
	struct processes *p;
	u64 limit;
	int fd;

	fd = pmu_open_target("exits", &target);
	if (fd < 0) {
		*why = pmu_error(errno);
		return NULL;
	}
	close(fd);

	limit = raise_file_limit();
	p = calloc(1, sizeof(*p));
	if (!p)
		errx(failed, "no memory");
	p->cpus = cpus;
	p->max_tasks = MAX_TASKS;
	if (limit < MAX_TASKS + SPARE_FILES)
		p->max_tasks = limit > SPARE_FILES ? limit - SPARE_FILES : 1;
	p->task = calloc(p->max_tasks, sizeof(*p->task));
	if (!p->task)
		errx(failed, "no memory");
	if (cpus)
		see_cpus(p);
	processes_refresh(p);
	return p;
}

/* Close the events: each one takes exits at every switch of tasks. */
void processes_close(struct processes *p)
{
	while (p->nr_tasks)
		close(p->task[--p->nr_tasks].fd);
	free(p->task);
	free(p->process);
	free(p);
}

/* The processes by exits; sets @left_out to the number of uncounted tasks. */
unsigned int processes_list(const struct processes *p,
			    const struct process **list, unsigned int *left_out)
{
	*list = p->process;
	*left_out = p->left_out;
	return p->nr;
}
