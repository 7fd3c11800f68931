// SPDX-License-Identifier: GPL-2.0-only
/*
 * The samples of the PMU kvm_exits, from perf's ring buffers, with what perf says
 * about tasks.
 *
 * Each CPU has a buffer.  The records of all are put in the order of their times,
 * because a task can move to another CPU between its execve() and its first sample.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "sample_record.h"
#include "who.h"

#define SAMPLE_TYPE	(PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | \
			 PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | \
			 PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW)

#define MIN_RING	(128 << 10)
#define MAX_RING	(4 << 20)
#define ALL_RINGS	(64 << 20)

struct ring {
	int cpu;
	int fd;			/* of the event whose buffer it is */
	struct perf_event_mmap_page *page;
};

struct entry {
	u64 time;
	u64 order;
	struct perf_event_header *header;
};

struct rings {
	struct ring *ring;
	unsigned int nr;
	int *fd;		/* of all events */
	unsigned int nr_fds;
	size_t bytes;		/* of a buffer */
	bool cgroups;
	struct entry *entry;
	size_t nr_entries;
	u64 order;
	u64 lost;
};

static void *grow(void *array, size_t nr, size_t size)
{
	/* The array is full when the number of its elements is 0 or a power of two. */
	if (nr & (nr - 1))
		return array;
	array = reallocarray(array, nr ? 2 * nr : 1, size);
	if (!array)
		errx(failed, "no memory");
	return array;
}

static int open_event(struct rings *r, const char *name,
		      const struct rings_options *o, pid_t pid, int cpu,
		      bool first)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.sample_type = SAMPLE_TYPE,
		.sample_period = o->period,
		.disabled = 1,
		.inherit = pid >= 0,
		.exclude_kernel = o->user,
		.exclude_callchain_kernel = o->user,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.mmap = first,
		.mmap2 = first,
		.comm = first,
		.comm_exec = first,
		.task = first,
		.cgroup = first && r->cgroups,
	};
	int fd;

	if (r->cgroups)
		attr.sample_type |= PERF_SAMPLE_CGROUP;
	if (!pmu_encode(name, &attr))
		return -1;
	fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1,
		     PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 && errno == EINVAL && r->cgroups) {
		/* The perf of this kernel may not know cgroups: try without them. */
		r->cgroups = false;
		return open_event(r, name, o, pid, cpu, first);
	}
	if (fd < 0)
		return fd;
	r->fd = grow(r->fd, r->nr_fds, sizeof(*r->fd));
	r->fd[r->nr_fds++] = fd;
	return fd;
}

/* All buffers have to fit into the user's limit of locked memory: try smaller ones. */
static bool map_ring(struct rings *r, struct ring *ring)
{
	size_t page = sysconf(_SC_PAGESIZE);

	for (; r->bytes >= page; r->bytes /= 2) {
		ring->page = mmap(NULL, page + r->bytes, PROT_READ | PROT_WRITE,
				  MAP_SHARED, ring->fd, 0);
		if (ring->page != MAP_FAILED)
			return true;
	}
	return false;
}

static bool open_on(struct rings *r, const struct rings_options *o, pid_t pid,
		    struct ring *ring)
{
	unsigned int i;
	int fd;

	for (i = 0; i < o->nr_events; i++) {
		fd = open_event(r, o->events[i], o, pid, ring->cpu,
				!i && !ring->page);
		if (fd < 0)
			return false;
		if (ring->page) {
			if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd))
				return false;
			continue;
		}
		ring->fd = fd;
		if (!map_ring(r, ring)) {
			ring->page = NULL;
			return false;
		}
	}
	return true;
}

/**
 * rings_open() - open the events on all CPUs
 * @o: which
 *
 * Return: the argument for the other functions, or NULL with errno.
 */
struct rings *rings_open(const struct rings_options *o)
{
	struct rings *r = calloc(1, sizeof(*r));
	long cpu, cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct ring *ring;
	int error;

	if (!r)
		errx(failed, "no memory");
	raise_file_limit();
	/*
	 * The buffers are read ten times a second, and a sample has up to a kilobyte.
	 * So choose large buffers, but not more than ALL_RINGS in all.
	 */
	for (r->bytes = MAX_RING; r->bytes > MIN_RING &&
	     r->bytes > ALL_RINGS / (size_t)cpus; r->bytes /= 2)
		;
	r->cgroups = true;
	r->ring = calloc(cpus, sizeof(*r->ring));
	if (!r->ring)
		errx(failed, "no memory");
	for (cpu = 0; cpu < cpus; cpu++) {
		ring = &r->ring[r->nr];
		ring->cpu = cpu;
		if (open_on(r, o, o->pid, ring)) {
			r->nr++;
			continue;
		}
		error = errno;
		if (error == ENODEV)	/* the CPU is offline */
			continue;
		rings_close(r);
		errno = error;
		return NULL;
	}
	return r;
}

/* Sample one more task, into the same buffers; false with errno. */
bool rings_add_task(struct rings *r, const struct rings_options *o, pid_t tid)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		if (!open_on(r, o, tid, &r->ring[i]))
			return false;
	return true;
}

void rings_enable(struct rings *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_fds; i++)
		ioctl(r->fd[i], PERF_EVENT_IOC_ENABLE, 0);
}

void rings_set_period(struct rings *r, u64 period)
{
	unsigned int i;

	for (i = 0; i < r->nr_fds; i++)
		ioctl(r->fd[i], PERF_EVENT_IOC_PERIOD, &period);
}

void rings_close(struct rings *r)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		munmap(r->ring[i].page, page + r->bytes);
	for (i = 0; i < r->nr_fds; i++)
		close(r->fd[i]);
	free(r->ring);
	free(r->fd);
	free(r);
}

/* The bytes of a record that were not taken yet.  Behind its end, all numbers are 0. */
struct cursor {
	const char *at;
	const char *end;
};

static u64 take_u64(struct cursor *c)
{
	u64 val = 0;

	if (c->end - c->at >= 8)
		memcpy(&val, c->at, 8);
	c->at += 8;
	return val;
}

static u32 take_u32(struct cursor *c)
{
	u32 val = 0;

	if (c->end - c->at >= 4)
		memcpy(&val, c->at, 4);
	c->at += 4;
	return val;
}

static struct cursor body(const struct perf_event_header *h)
{
	return (struct cursor) { (const char *)(h + 1), (const char *)h + h->size };
}

/*
 * The time of a record.  In a sample, SAMPLE_TYPE decides about its place.  Other
 * records have it near their end.
 */
static u64 time_of(const struct perf_event_header *h)
{
	struct cursor c = body(h);

	if (h->type == PERF_RECORD_SAMPLE)
		c.at += 16;
	else
		c.at = c.end - 16;
	return take_u64(&c);
}

static void keep(struct rings *r, const struct ring *ring, u64 tail)
{
	const char *data = (const char *)ring->page + sysconf(_SC_PAGESIZE);
	struct perf_event_header *copy, h;
	size_t at = tail % r->bytes, first;

	memcpy(&h, data + at, sizeof(h));	/* records begin at multiples of 8 */
	copy = malloc(h.size);
	if (!copy)
		errx(failed, "no memory");
	first = r->bytes - at < h.size ? r->bytes - at : h.size;
	memcpy(copy, data + at, first);
	memcpy((char *)copy + first, data, h.size - first);
	r->entry = grow(r->entry, r->nr_entries, sizeof(*r->entry));
	r->entry[r->nr_entries++] = (struct entry) {
		.time = time_of(copy), .order = r->order++, .header = copy,
	};
}

static void drain(struct rings *r, struct ring *ring)
{
	u64 head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	u64 tail = ring->page->data_tail;
	const char *data = (const char *)ring->page + sysconf(_SC_PAGESIZE);
	const struct perf_event_header *h;

	while (tail < head) {
		h = (const void *)(data + tail % r->bytes);
		keep(r, ring, tail);
		tail += h->size;
	}
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

static void take_chain(struct cursor *c, struct sample *s)
{
	u64 i, ip, nr = take_u64(c);
	bool user = false;

	for (i = 0; i < nr && c->at < c->end; i++) {
		ip = take_u64(c);
		if (ip >= (u64)PERF_CONTEXT_MAX) {
			user = ip == (u64)PERF_CONTEXT_USER;
			continue;
		}
		if (s->nr_ips == MAX_CHAIN)
			continue;
		s->ip[s->nr_ips] = ip;
		s->user[s->nr_ips++] = user;
	}
}

static void parse_sample(const struct rings *r,
			 const struct perf_event_header *h, struct sample *s)
{
	struct kvm_exits_sample_record raw = {};
	struct cursor c = body(h);
	u32 size;

	memset(s, 0, offsetof(struct sample, ip));
	take_u64(&c);
	s->pid = take_u32(&c);
	s->tid = take_u32(&c);
	s->time = take_u64(&c);
	s->cpu = take_u32(&c);
	take_u32(&c);
	raw.exits = take_u64(&c);	/* the period, if there are no raw data */
	take_chain(&c, s);
	size = take_u32(&c);
	if (size >= sizeof(raw) && c.end - c.at >= (ptrdiff_t)size)
		memcpy(&raw, c.at, sizeof(raw));
	c.at += size;
	if (r->cgroups)
		s->cgroup = take_u64(&c);
	s->reason = raw.reason;
	s->detail = raw.detail;
	s->hidden = raw.hidden;
	s->exits = raw.exits;
	s->lost = raw.lost;
}

static void take_map(const struct perf_event_header *h)
{
	struct cursor c = body(h);
	struct map m = {};
	pid_t pid = take_u32(&c);
	u32 prot;

	take_u32(&c);
	m.start = take_u64(&c);
	m.end = m.start + take_u64(&c);
	m.offset = take_u64(&c);
	m.major = take_u32(&c);
	m.minor = take_u32(&c);
	m.inode = take_u64(&c);
	take_u64(&c);
	prot = take_u32(&c);
	take_u32(&c);
	m.path = (char *)c.at;
	if (c.at < c.end && prot & PROT_EXEC)
		task_map(pid, &m);
}

static void take_record(struct rings *r, const struct perf_event_header *h,
			void (*take)(const struct sample *s))
{
	static struct sample s;
	struct cursor c = body(h);
	pid_t pid, parent, tid;
	u64 id;

	switch (h->type) {
	case PERF_RECORD_SAMPLE:
		parse_sample(r, h, &s);
		take(&s);
		break;
	case PERF_RECORD_LOST:
		take_u64(&c);
		r->lost += take_u64(&c);
		break;
	case PERF_RECORD_COMM:
		pid = take_u32(&c);
		tid = take_u32(&c);
		task_comm(pid, tid, c.at, h->misc & PERF_RECORD_MISC_COMM_EXEC);
		break;
	case PERF_RECORD_FORK:
		pid = take_u32(&c);
		parent = take_u32(&c);
		tid = take_u32(&c);
		task_fork(pid, parent, tid, take_u32(&c));
		break;
	case PERF_RECORD_MMAP2:
		take_map(h);
		break;
	case PERF_RECORD_CGROUP:
		id = take_u64(&c);
		cgroup_name_is(id, c.at);
		break;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/**
 * rings_read() - read what is new
 * @r: the buffers
 * @all: no more will come
 * @take: called with each sample
 *
 * A record stays until the next call if another buffer can still have one that is
 * older.
 *
 * Return: the number of records for which a buffer had no room, since the last call.
 */
u64 rings_read(struct rings *r, bool all, void (*take)(const struct sample *s))
{
	u64 before = now_ns(), lost;
	size_t i, n;

	for (i = 0; i < r->nr; i++)
		drain(r, &r->ring[i]);
	if (r->nr_entries)
		qsort(r->entry, r->nr_entries, sizeof(*r->entry), by_time);
	for (n = 0; n < r->nr_entries; n++) {
		if (!all && r->entry[n].time >= before)
			break;
		take_record(r, r->entry[n].header, take);
		free(r->entry[n].header);
	}
	memmove(r->entry, r->entry + n, (r->nr_entries - n) * sizeof(*r->entry));
	r->nr_entries -= n;
	/* For grow(), the room for entries must be a power of two. */
	for (i = 1; i < r->nr_entries; i *= 2)
		;
	free(r->nr_entries ? NULL : r->entry);
	r->entry = r->nr_entries ? reallocarray(r->entry, i, sizeof(*r->entry)) : NULL;
	lost = r->lost;
	r->lost = 0;
	return lost;
}
