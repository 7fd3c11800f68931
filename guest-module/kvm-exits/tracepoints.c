// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts from the tracepoints of a stock KVM, for hosts without the patch.
 *
 * A BPF program counts in the kernel, from the first read until kvm-exits ends.
 * Whatever makes kvm-exits end, the kernel then removes the BPF program.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "exit_table.h"
#include "tracepoints.h"

#ifdef HAVE_BPF
#include <sys/mman.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "tracepoints.skel.h"

const bool tracepoints_built = true;

#define TRACEFS		"/sys/kernel/tracing"
#define EVENT		TRACEFS "/events/kvm/kvm_exit/id"
#define SPARE_SLOTS	128	/* for vCPUs that come later */
#define MAX_SLOTS	4096	/* 44 KB each */

static struct {
	struct tracepoints *bpf;	/* NULL before the first read */
	struct tp_slot *slots;
	struct tp_row *rows;
	unsigned int nr_slots;
} tp;

static bool file_has(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char line[200] = "";
	bool found;

	if (!f)
		return false;
	found = fgets(line, sizeof(line), f) && strstr(line, word);
	fclose(f);
	return found;
}

/* Why it failed, and the next step; the most basic reason first. */
static const char *why_not(int error)
{
	if (access("/sys/module/kvm", F_OK))
		return "KVM is not loaded: run modprobe kvm_intel or kvm_amd";
	if (geteuid())
		return "counting takes CAP_BPF and CAP_PERFMON: run as root";
	if (access(TRACEFS "/events", F_OK))
		return "tracefs is not mounted: run mount -t tracefs none " TRACEFS;
	if (access(EVENT, F_OK))
		return "the kernel has no tracepoint kvm:kvm_exit: it needs CONFIG_EVENT_TRACING";
	if (access("/sys/kernel/btf/vmlinux", F_OK))
		return "the kernel has no BTF: it needs CONFIG_DEBUG_INFO_BTF";
	if (access("/sys/kernel/btf/kvm", F_OK) && file_has("/proc/modules", "kvm "))
		return "kvm.ko has no BTF: it needs CONFIG_DEBUG_INFO_BTF_MODULES";
	if (error == EPERM || error == EACCES)
		return "counting takes CAP_BPF and CAP_PERFMON: give them to this process";
	return strerror(error);
}

static int no_message(enum libbpf_print_level level, const char *format,
		      va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static unsigned int nr_threads(pid_t pid)
{
	unsigned int n = 0;
	struct dirent *e;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		n += *e->d_name != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* An array map that the program reads without system calls. */
static void *map_array(const struct bpf_map *map)
{
	size_t size = 1ul * bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

static int set_sizes(unsigned int slots)
{
	return bpf_map__set_max_entries(tp.bpf->maps.threads, 4 * slots) ?:
	       bpf_map__set_max_entries(tp.bpf->maps.free_slots, slots) ?:
	       bpf_map__set_max_entries(tp.bpf->maps.slots, slots) ?:
	       bpf_map__set_max_entries(tp.bpf->maps.rows, slots * TP_ROWS);
}

static int free_slot(u32 slot)
{
	return bpf_map_update_elem(bpf_map__fd(tp.bpf->maps.free_slots), NULL,
				   &slot, BPF_ANY);
}

/* Returns 0 or an errno. */
static int load(const struct options *o)
{
	unsigned int i;

	libbpf_set_print(no_message);
	tp.bpf = tracepoints__open();
	if (!tp.bpf)
		return errno;
	tp.nr_slots = SPARE_SLOTS + (o->vm_pid ? nr_threads(o->vm_pid) :
				     vms_sum(nr_threads));
	if (tp.nr_slots > MAX_SLOTS)
		tp.nr_slots = MAX_SLOTS;
	tp.bpf->rodata->only_process = o->vm_pid;
	if (set_sizes(tp.nr_slots) || tracepoints__load(tp.bpf))
		return errno ?: EINVAL;
	tp.slots = map_array(tp.bpf->maps.slots);
	tp.rows = map_array(tp.bpf->maps.rows);
	if (!tp.slots || !tp.rows)
		return errno;
	for (i = TP_SHARED + 1; i < tp.nr_slots; i++)
		if (free_slot(i))
			return errno;
	if (tracepoints__attach(tp.bpf))
		return errno;
	return 0;
}

static bool start(const struct options *o, struct table *t)
{
	int error;

	if (tp.bpf)
		return true;
	error = load(o);
	if (!error)
		return true;
	if (tp.bpf)
		tracepoints__destroy(tp.bpf);
	tp.bpf = NULL;
	t->errnum = error;
	snprintf(t->error, sizeof(t->error), "cannot count in %s: %s",
		 "the tracepoints of KVM", why_not(error));
	return false;
}

/* The slots of VMs that are gone serve new ones. */
static void reuse_slots(void)
{
	struct tp_slot *s;
	unsigned int i;

	for (i = TP_SHARED + 1; i < tp.nr_slots; i++) {
		s = &tp.slots[i];
		if (!s->process || !kill(s->process, 0) || errno != ESRCH)
			continue;
		bpf_map_delete_elem(bpf_map__fd(tp.bpf->maps.threads),
				    &s->thread);
		memset(&tp.rows[i * TP_ROWS], 0, TP_ROWS * sizeof(*tp.rows));
		memset(s, 0, sizeof(*s));
		free_slot(i);
	}
}

static u32 row_reason(unsigned int row)
{
	if (row < TP_LOW)
		return row;
	return row < TP_SVM_END ? row - TP_LOW + TP_SVM : row - TP_OTHER;
}

static void add_row(struct row *to, const struct tp_row *from)
{
	unsigned int i;

	to->count[EXITS] += from->exits;
	to->count[STOPPED] += from->stopped;
	if (to->count[MAX] < from->max)
		to->count[MAX] = from->max;
	for (i = 0; i < TP_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->bucket_cycles += from->stopped;
}

/* The sum of one reason over the vCPUs of a process. */
static void sum_row(struct row *r, unsigned int row, u32 process)
{
	unsigned int i;

	for (i = TP_SHARED + 1; i < tp.nr_slots; i++)
		if (tp.slots[i].process == process)
			add_row(r, &tp.rows[i * TP_ROWS + row]);
}

static void add_total(struct row *total, const struct row *r)
{
	unsigned int i;

	total->count[EXITS] += r->count[EXITS];
	total->count[STOPPED] += r->count[STOPPED];
	if (total->count[MAX] < r->count[MAX])
		total->count[MAX] = r->count[MAX];
	for (i = 0; i < TP_BUCKETS; i++)
		total->bucket[i] += r->bucket[i];
	total->bucket_cycles += r->bucket_cycles;
}

/* All but the exits and the stops are unknown. */
static void init_row(struct row *r)
{
	unsigned int i;

	for (i = 0; i < COUNTS; i++)
		r->count[i] = i == EXITS || i == STOPPED || i == MAX ? 0 :
			      UNKNOWN;
}

static void fill(struct table *t, u32 process, bool percentiles)
{
	unsigned int i;
	struct row *r;
	u32 isa;

	strcpy(t->vendor, access("/sys/module/kvm_amd", F_OK) ? "Intel" : "AMD");
	isa = isa_of_vendor(t->vendor);
	strcpy(t->total.name, "total");
	t->columns = 1u << EXITS | 1u << STOPPED | 1u << MAX;
	init_row(&t->total);
	for (i = 0; percentiles && i < TP_BUCKETS; i++)
		t->bound[i] = i == TP_BUCKETS - 1 ? UNKNOWN :
			      1ull << (TP_BUCKET0 + i);
	t->nr_buckets = percentiles ? TP_BUCKETS : 0;
	for (i = 0; i < TP_ROWS; i++) {
		struct row row = { .reason = row_reason(i) };

		init_row(&row);
		sum_row(&row, i, process);
		exit_reason_name(isa, row.reason, row.name);
		if (!row.count[EXITS] && !strncmp(row.name, "REASON_", 7))
			continue;
		r = table_new_row(t, row.reason);
		if (r)
			*r = row;
		add_total(&t->total, &row);
	}
}

/* The exits of the vCPUs that came when there was no slot any more. */
static void report_shared(void)
{
	static u64 reported;
	u64 exits = 0;
	unsigned int i;

	for (i = 0; i < TP_ROWS; i++)
		exits += tp.rows[TP_SHARED * TP_ROWS + i].exits;
	if (exits > reported)
		warnx("%llu exits of vCPUs beyond the first %u are in the counts of no VM",
		      exits - reported, tp.nr_slots - 1);
	reported = exits;
}

static bool tracepoints_read_vm(const struct options *o, struct table *t,
				const char *path, pid_t pid)
{
	(void)path;
	table_free(t);
	t->ns = now_ns();
	t->wall_ns = wall_ns();
	t->steal_ns = UNKNOWN;
	if (!start(o, t))
		return false;
	t->ns = now_ns();
	t->tsc_khz = 1000000;
	t->in_ns = true;
	strcpy(t->origin, "tracepoints");
	fill(t, pid, o->percentiles);
	report_shared();
	if (!o->vm_pid)
		reuse_slots();
	return true;
}

#else /* !HAVE_BPF */

const bool tracepoints_built;

static bool tracepoints_read_vm(const struct options *o, struct table *t,
				const char *path, pid_t pid)
{
	(void)o;
	(void)path;
	(void)pid;
	table_free(t);
	t->errnum = ENOTSUP;
	snprintf(t->error, sizeof(t->error), "%s, and this kvm-exits was %s",
		 "this host's KVM is not the patched one",
		 "built without libbpf, which counts in a stock KVM");
	return false;
}

#endif

static bool tracepoints_available(struct options *o)
{
	o->vm_pid = vm_pid(o);
	o->file = "the tracepoints of KVM";
	return true;
}

static bool tracepoints_read(const struct options *o, struct table *t)
{
	return tracepoints_read_vm(o, t, NULL, o->vm_pid);
}

const struct source tracepoints_source = {
	.name = "tracepoints",
	.vms = true,
	.counts_from_start = true,
	.available = tracepoints_available,
	.read = tracepoints_read,
	.read_vm = tracepoints_read_vm,
};
