// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exits of each vCPU in an interval.
 *
 * In a guest the module's PMU counts them on each CPU.  On a host the tracepoint
 * kvm:kvm_exit counts them for each thread of the VMM, with any KVM.  Neither
 * has the time of a vCPU's exits.  So assume that each exit of a reason takes as long
 * as the VM's average for this reason.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "program.h"
#include "reasons.h"

#define KVM_EXIT	"/sys/kernel/tracing/events/kvm/kvm_exit/id"

#define MAX_REASONS	24	/* that get an event of their own */

/* Each vCPU has an event for each of these reasons and one for all exits. */
static u32 reason[MAX_REASONS];
static char reason_name[MAX_REASONS][NAME_LEN];
static unsigned int nr_reasons;

struct events {
	char name[VCPU_NAME_LEN];
	int all;
	int of[MAX_REASONS];
};

static struct events *events;
static unsigned int nr_events;

/* The reasons with the most exits so far. */
static void choose_reasons(const struct table *t)
{
	struct table sorted = {};
	unsigned int i;

	table_copy(&sorted, t);
	table_sort(&sorted, SORT_EXITS, EXITS, NULL);
	nr_reasons = 0;
	for (i = 0; i < sorted.nr_rows && nr_reasons < MAX_REASONS; i++) {
		if (!sorted.rows[i].count[EXITS])
			break;
		reason[nr_reasons] = sorted.rows[i].reason;
		strcpy(reason_name[nr_reasons++], sorted.rows[i].name);
	}
	table_free(&sorted);
}

static struct events *add_vcpu(int fd)
{
	struct events *e;

	events = reallocarray(events, nr_events + 1, sizeof(*events));
	if (!events)
		errx(failed, "no memory");
	e = &events[nr_events++];
	*e = (struct events) { .all = fd };
	return e;
}

/* A CPU that is offline has no events. */
static const char *open_cpus(void)
{
	struct pmu_target target = { .pid = -1 };
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct events *e;
	unsigned int i;
	int fd;

	for (target.cpu = 0; target.cpu < cpus; target.cpu++) {
		fd = pmu_open_target("exits", &target);
		if (fd < 0 && errno == ENODEV)
			continue;
		if (fd < 0)
			return pmu_error(errno);
		e = add_vcpu(fd);
		snprintf(e->name, sizeof(e->name), "CPU %d", target.cpu);
		for (i = 0; i < nr_reasons; i++)
			e->of[i] = pmu_open_target(reason_name[i], &target);
	}
	return nr_events ? NULL : "no CPU has events";
}

static int open_thread(u64 id, pid_t tid, const u32 *of)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
	};
	char filter[40];
	int fd, error;

	fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1,
		     PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || !of)
		return fd;
	snprintf(filter, sizeof(filter), "exit_reason == %u", *of);
	if (!ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The thread's name: "CPU 3/KVM" of QEMU, "vcpu3" of others. */
static void thread_name(char name[VCPU_NAME_LEN], pid_t vmm, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", vmm, tid);
	read_comm(name, VCPU_NAME_LEN, path);
}

static bool is_vcpu(const char *name)
{
	return strcasestr(name, "vcpu") || strstr(name, "/KVM");
}

static bool open_threads_of(u64 id, pid_t vmm, bool named)
{
	char path[32], name[VCPU_NAME_LEN];
	struct dirent *entry;
	struct events *e;
	unsigned int i;
	pid_t tid;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", vmm);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		tid = atoi(entry->d_name);
		thread_name(name, vmm, tid);
		if (!tid || (named && !is_vcpu(name)))
			continue;
		fd = open_thread(id, tid, NULL);
		if (fd < 0 && errno == ESRCH)
			continue;
		if (fd < 0)
			break;
		e = add_vcpu(fd);
		if (named)
			strcpy(e->name, name);
		else
			snprintf(e->name, sizeof(e->name), "thread %d", tid);
		for (i = 0; i < nr_reasons; i++)
			e->of[i] = open_thread(id, tid, &reason[i]);
	}
	if (dir)
		closedir(dir);
	return nr_events;
}

static const char *open_threads(pid_t vmm)
{
	u64 id = 0;
	FILE *f;

	f = fopen(KVM_EXIT, "re");
	if (!f)
		return errno == ENOENT ?
		       "there is no tracepoint kvm:kvm_exit: mount tracefs on /sys/kernel/tracing" :
		       "no access to the tracepoint kvm:kvm_exit: be root";
	if (fscanf(f, "%llu", &id) != 1)
		id = 0;
	fclose(f);
	errno = 0;
	if (open_threads_of(id, vmm, true) || open_threads_of(id, vmm, false))
		return NULL;
	return errno == EACCES || errno == EPERM ?
		"perf events are not permitted: see whether you are root" :
		"the VMM has no thread with events";
}

/**
 * vcpus_open() - begin to count for each vCPU
 * @t: a table of the VM, whose reasons to count
 * @vmm: on a host, the process of the VMM; in a guest 0
 *
 * Return: NULL, or why it is not possible.
 */
const char *vcpus_open(const struct table *t, pid_t vmm)
{
	raise_file_limit();
	choose_reasons(t);
	return vmm ? open_threads(vmm) : open_cpus();
}

/* What an exit of a row cost on average, in cycles. */
static double row_cost(const struct table *t, const struct row *r)
{
	enum count clock = has(t, STOPPED) && !is_sleep(r->name) ? STOPPED :
								    CYCLES;

	return has(t, clock) ? row_average(r, clock) : 0;
}

static void count(const struct events *e, const struct table *t,
		  struct vcpu *v)
{
	const struct row *r;
	unsigned int i;
	u64 n;

	strcpy(v->name, e->name);
	v->exits = pmu_read(e->all);
	if (v->exits == UNKNOWN)
		v->exits = 0;
	for (i = 0; i < nr_reasons; i++) {
		n = pmu_read(e->of[i]);
		r = table_row(t, reason[i]);
		if (n == UNKNOWN || !r)
			continue;
		v->cost += n * row_cost(t, r);
		if (!is_sleep(r->name) && n > v->most_exits) {
			strcpy(v->most, r->name);
			v->most_exits = n;
		}
	}
}

static int by_cost(const void *x, const void *y)
{
	const struct vcpu *a = x, *b = y;

	if (a->cost != b->cost)
		return a->cost < b->cost ? 1 : -1;
	return (a->exits < b->exits) - (a->exits > b->exits);
}

/**
 * vcpus_read() - the exits of each vCPU since vcpus_open(); end the counting
 * @t: the interval of the whole VM
 * @nr: is set to the number of vCPUs
 *
 * Return: the vCPUs with exits, the most costly one first; to be freed.
 */
struct vcpu *vcpus_read(const struct table *t, unsigned int *nr)
{
	struct vcpu *v = calloc(nr_events + 1, sizeof(*v));
	unsigned int i, j;

	if (!v)
		errx(failed, "no memory");
	*nr = 0;
	for (i = 0; i < nr_events; i++) {
		count(&events[i], t, &v[*nr]);
		*nr += v[*nr].exits != 0;
		close(events[i].all);
		for (j = 0; j < nr_reasons; j++)
			if (events[i].of[j] >= 0)
				close(events[i].of[j]);
	}
	free(events);
	events = NULL;
	nr_events = 0;
	qsort(v, *nr, sizeof(*v), by_cost);
	return v;
}
