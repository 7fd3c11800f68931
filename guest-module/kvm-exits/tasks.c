// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names and maps of the processes that samples come from, and names of cgroups.
 *
 * perf tells of each execve(), mmap() and fork() from the start of the sampling on.
 * What was before is read from /proc: when the sampling starts and, for a process that
 * is found later, at a sample of it.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "who.h"

#define BUCKETS		4096
#define CGROUPS		"/sys/fs/cgroup"

struct name {
	struct name *next;
	u64 id;
	char *text;
};

static struct known {
	struct known *next;
	struct process_maps maps;
} *processes[BUCKETS];

static struct name *tasks[BUCKETS], *cgroups[BUCKETS];

static void *checked(void *p)
{
	if (!p)
		errx(failed, "no memory");
	return p;
}

static struct name *name_of(struct name **table, u64 id)
{
	struct name **at = &table[id % BUCKETS], *n;

	for (n = *at; n; n = n->next)
		if (n->id == id)
			return n;
	n = checked(calloc(1, sizeof(*n)));
	n->id = id;
	n->next = *at;
	*at = n;
	return n;
}

static void set_name(struct name *n, const char *text)
{
	free(n->text);
	n->text = checked(strdup(text));
}

static struct process_maps *process_of(pid_t pid)
{
	struct known **at = &processes[(unsigned int)pid % BUCKETS], *p;

	for (p = *at; p; p = p->next)
		if (p->maps.pid == pid)
			return &p->maps;
	p = checked(calloc(1, sizeof(*p)));
	p->maps.pid = pid;
	p->next = *at;
	*at = p;
	return &p->maps;
}

static void forget_maps(struct process_maps *p)
{
	while (p->nr)
		free(p->map[--p->nr].path);
	free(p->map);
	p->map = NULL;
}

/* A later map replaces what it covers. */
static void add_map(struct process_maps *p, const struct map *m)
{
	p->map = checked(reallocarray(p->map, p->nr + 1, sizeof(*p->map)));
	p->map[p->nr] = *m;
	p->map[p->nr++].path = checked(strdup(m->path));
}

void task_comm(pid_t pid, pid_t tid, const char *name, bool exec)
{
	struct process_maps *p;

	set_name(name_of(tasks, tid), name);
	if (!exec)
		return;
	p = process_of(pid);
	forget_maps(p);
	p->exec = true;
}

/* A new process has the maps of its parent until it calls execve(). */
void task_fork(pid_t pid, pid_t parent, pid_t tid, pid_t parent_tid)
{
	struct process_maps *child, *from;
	struct name *n = name_of(tasks, parent_tid);
	unsigned int i;

	if (n->text)
		set_name(name_of(tasks, tid), n->text);
	if (pid == parent)
		return;
	from = process_of(parent);
	child = process_of(pid);
	forget_maps(child);
	child->read = false;
	child->parent = parent;
	child->exec = from->exec;
	child->wanted = from->wanted;
	for (i = 0; i < from->nr; i++)
		add_map(child, &from->map[i]);
}

/* The parent of a process that perf has told of, else 0. */
pid_t task_parent(pid_t pid)
{
	return process_of(pid)->parent;
}

void task_map(pid_t pid, const struct map *m)
{
	add_map(process_of(pid), m);
}

void task_want(pid_t pid)
{
	process_of(pid)->wanted = true;
}

bool task_is_wanted(pid_t pid)
{
	return process_of(pid)->wanted;
}

/* The last name of a task that perf or else /proc has told, or "[TID]". */
const char *task_name(pid_t pid, pid_t tid)
{
	struct name *n = name_of(tasks, tid);
	char path[64], text[32];
	FILE *f;

	if (n->text)
		return n->text;
	if (!tid)
		return "swapper";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
	f = fopen(path, "re");
	if (f && fgets(text, sizeof(text), f))
		text[strcspn(text, "\n")] = '\0';
	else
		snprintf(text, sizeof(text), "[%d]", tid);
	if (f)
		fclose(f);
	set_name(n, text);
	return n->text;
}

static bool read_maps(struct process_maps *p, pid_t pid)
{
	char path[64], *line = NULL, mode[8];
	size_t size = 0;
	int at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (getline(&line, &size, f) > 0) {
		struct map m = {};

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %n", &m.start,
			   &m.end, mode, &m.offset, &m.major, &m.minor,
			   &m.inode, &at) < 7 || mode[2] != 'x')
			continue;
		m.path = line + at;
		add_map(p, &m);
	}
	free(line);
	fclose(f);
	return true;
}

static const struct map *find_map(const struct process_maps *p, u64 ip)
{
	unsigned int i;

	for (i = p->nr; i--; )
		if (ip >= p->map[i].start && ip < p->map[i].end)
			return &p->map[i];
	return NULL;
}

/* The map that an address of a process belongs to, or NULL. */
const struct map *task_find_map(pid_t pid, u64 ip)
{
	struct process_maps *p = process_of(pid);
	const struct map *m = find_map(p, ip);

	if (m || p->read || p->exec)
		return m;
	p->read = true;
	if (!read_maps(p, pid) && p->parent)
		read_maps(p, p->parent);
	return find_map(p, ip);
}

/*
 * Read the names and maps of all tasks that run already.  A task can end right after
 * its first sample, and then /proc has nothing of it any more.
 */
void tasks_read(void)
{
	DIR *dir = opendir("/proc"), *threads;
	struct dirent *e, *t;
	char path[64];
	pid_t pid;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		pid = atoi(e->d_name);
		if (pid <= 0)
			continue;
		task_find_map(pid, 0);
		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		threads = opendir(path);
		while (threads && (t = readdir(threads)))
			if (atoi(t->d_name) > 0)
				task_name(pid, atoi(t->d_name));
		if (threads)
			closedir(threads);
	}
	closedir(dir);
}

void cgroup_name_is(u64 id, const char *path)
{
	set_name(name_of(cgroups, id), path);
}

/* The id of a cgroup is the inode of its directory. */
static int see_cgroup(const char *path, const struct stat *st, int type,
		      struct FTW *where)
{
	struct name *n;

	(void)where;
	if (type == FTW_D) {
		n = name_of(cgroups, st->st_ino);
		if (!n->text)
			set_name(n, path[strlen(CGROUPS)] ?
				 path + strlen(CGROUPS) : "/");
	}
	return 0;
}

/* The path of a cgroup below the root of all cgroups, or "-". */
const char *cgroup_name(u64 id)
{
	static bool seen;
	struct name *n;

	if (!id)
		return "-";
	n = name_of(cgroups, id);
	if (!n->text && !seen) {
		seen = true;
		nftw(CGROUPS, see_cgroup, 16, FTW_PHYS | FTW_MOUNT);
	}
	if (!n->text)
		set_name(n, "-");
	return n->text;
}

/* Is it the cgroup with this path, or one below it? */
bool cgroup_below(u64 id, const char *path)
{
	const char *name = cgroup_name(id);
	size_t n = strlen(path);

	return !strcmp(path, "/") ||
	       (!strncmp(name, path, n) && (!name[n] || name[n] == '/'));
}
