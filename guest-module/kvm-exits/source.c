// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the table, its histograms, and the guest's own state.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "host_leaves.h"

/* The first word of a file's first line, or an empty string. */
static void first_line(char buf[NAME_LEN], const char *path)
{
	FILE *f = fopen(path, "re");

	*buf = '\0';
	if (!f)
		return;
	if (fgets(buf, NAME_LEN, f))
		buf[strcspn(buf, " \t\n")] = '\0';
	fclose(f);
}

static bool cpu_has(const char *flag)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL, *word, *save;
	bool found = false;
	size_t size = 0;

	if (!f)
		return false;
	while (!found && getline(&line, &size, f) > 0) {
		if (strncmp(line, "flags", 5))
			continue;
		for (word = strtok_r(line, " \t\n", &save); word;
		     word = strtok_r(NULL, " \t\n", &save))
			found |= !strcmp(word, flag);
		break;
	}
	free(line);
	fclose(f);
	return found;
}

/* Each VM holds a reference to the vendor's module of KVM. */
static bool runs_guests(void)
{
	char users[NAME_LEN];

	first_line(users, "/sys/module/kvm_intel/refcnt");
	if (!*users)
		first_line(users, "/sys/module/kvm_amd/refcnt");
	return *users && strcmp(users, "0");
}

/* Reading the facts takes exits for CPUID, so do it once. */
void facts_read(struct facts *f)
{
	char name[SIGNATURE_LEN];
	u32 base;

	first_line(f->clocksource,
		   "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	first_line(f->nmi_watchdog, "/proc/sys/kernel/nmi_watchdog");
	strcpy(f->apic, cpu_has("x2apic") ? "x2apic" : "xapic");
	strcpy(f->nested, runs_guests() ? "yes" : "no");
	snprintf(f->cpus, NAME_LEN, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	base = cpuid_enabled() ? cpuid_hypervisor(name) : 0;
	if (base)
		snprintf(f->pv_features, NAME_LEN, "%x",
			 kvm_exits_cpuid(base + 1, 0).eax);
}

/* The steal time of all CPUs, or UNKNOWN. */
u64 steal_read(void)
{
	unsigned long long v[8];
	u64 ns = UNKNOWN;
	FILE *f = fopen("/proc/stat", "re");

	if (!f)
		return ns;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0],
		   &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) == 8)
		ns = v[7] * (NSEC / sysconf(_SC_CLK_TCK));
	fclose(f);
	return ns;
}

/* Add the histograms to the rows of the table. */
void histogram_merge(struct table *t, const struct table *h)
{
	const struct row *from;
	unsigned int i;

	t->nr_buckets = h->nr_buckets;
	memcpy(t->bound, h->bound, sizeof(t->bound));
	t->exits_per_read += h->exits_per_read;
	memcpy(t->total.bucket, h->total.bucket, sizeof(t->total.bucket));
	for (i = 0; i < t->nr_rows; i++) {
		from = table_row(h, t->rows[i].reason);
		if (!from)
			continue;
		memcpy(t->rows[i].bucket, from->bucket, sizeof(from->bucket));
		t->rows[i].bucket_cycles = from->count[STOPPED];
	}
}

/* It is no error if the host has no histograms (any more). */
static bool read_histogram(const struct options *o, struct table *t)
{
	struct table h = {};
	bool ok = true;
	char *path;

	if (asprintf(&path, "%s_histogram", o->file) < 0)
		errx(failed, "no memory");
	if (table_read(&h, HISTOGRAM, path)) {
		/* The VM may have migrated between the two reads. */
		if (h.generation == t->generation)
			histogram_merge(t, &h);
	} else if (h.errnum != ENOENT && h.errnum != EOPNOTSUPP) {
		ok = false;
		t->errnum = h.errnum;
		memcpy(t->error, h.error, sizeof(t->error));
	}
	free(path);
	table_free(&h);
	return ok;
}

/* The file of this guest's kernel, or the one of --file. */
static bool file_available(struct options *o)
{
	if (!o->file)
		o->file = PROC_TABLE;
	o->live = !strcmp(o->file, PROC_TABLE);
	return !o->live || !access(o->file, R_OK);
}

static bool file_read(const struct options *o, struct table *t)
{
	u64 steal = o->live ? steal_read() : UNKNOWN;

	if (!table_read(t, TABLE, o->file)) {
		if (o->live && !o->source_name && t->errnum == ENOENT)
			strcpy(t->error, "neither CPUID nor " PROC_TABLE
			       " has counts of the exits of this machine: see kvm-exits check");
		return false;
	}
	if (!t->span_ns)
		t->span_ns = o->duration;
	t->steal_ns = steal;
	return !o->percentiles || read_histogram(o, t);
}

static const struct source file_source = {
	.name = "file",
	.available = file_available,
	.read = file_read,
};

/* The file of a VM, in the debugfs of a host with the patched KVM. */
static bool debugfs_available(struct options *o)
{
	if (!o->vm)
		return vms_have_files(o);
	o->file = find_vm(o, o->vm);
	return !access(o->file, F_OK);
}

static bool debugfs_read_vm(const struct options *o, struct table *t,
			    const char *path, pid_t pid)
{
	(void)o;
	(void)pid;
	return table_read(t, TABLE, path);
}

static const struct source debugfs_source = {
	.name = "debugfs",
	.vms = true,
	.available = debugfs_available,
	.read = file_read,
	.read_vm = debugfs_read_vm,
};

static const struct source * const sources[] = {
	&record_source,
	&file_source,
	&leaves_source,
	&debugfs_source,
	&tracepoints_source,
};

/* Whether --file and --source allow a source. */
static bool eligible(const struct options *o, bool vms, const struct source *s)
{
	if (o->source_name && strcmp(o->source_name, s->name))
		return false;
	if (vms || s->vms)
		return vms && s->vms;
	if (s == &record_source)
		return o->file;
	return !o->file || s == &file_source;
}

/**
 * source_choose() - set o->source
 * @o: the options
 * @vms: choose a source of VMs
 *
 * If no source is available, the first one that is eligible says why when it
 * is read.
 */
void source_choose(struct options *o, bool vms)
{
	struct options tried, chosen = {};
	bool found = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sources) && !found; i++) {
		if (!eligible(o, vms, sources[i]))
			continue;
		tried = *o;
		tried.source = sources[i];
		found = tried.source->available(&tried);
		if (found || !chosen.source)
			chosen = tried;
	}
	if (!chosen.source)
		errx(failed, "%s: no such source%s", o->source_name, vms ?
		     " of a VM: debugfs or tracepoints" :
		     o->file ? " of a file" : ": file or leaves");
	*o = chosen;
}

/**
 * source_read() - read the table and, if the options need them, its histograms
 * @o: the options
 * @t: the result; it must be zeroed or hold a table, which is freed
 *
 * Return: as table_read().
 */
bool source_read(const struct options *o, struct table *t)
{
	return o->source->read(o, t);
}

void source_read_or_die(const struct options *o, struct table *t)
{
	if (!source_read(o, t))
		errx(failed, "%s", printable(t->error));
	if (!o->processes && !table_matches(t, o->filter))
		errx(failed, "%s: no reason of the table matches: see kvm-exits explain",
		     o->filter_text);
}

/**
 * source_is_printed() - whether a table is what another tool has printed
 * @o: the options
 * @t: the table, as source_read() has read it
 *
 * Return: true if it is, so that it does not change.
 */
bool source_is_printed(const struct options *o, const struct table *t)
{
	return *t->origin && o->source == &file_source;
}

/**
 * source_is_fixed() - whether the counts of a table cannot change
 * @o: the options
 * @t: the table, as source_read() has read it
 *
 * Return: true for what another tool has printed, for a table that was saved or that
 * tells its time, and for the standard input.
 */
bool source_is_fixed(const struct options *o, const struct table *t)
{
	return source_is_printed(o, t) ||
	       (o->source == &file_source && !o->live &&
		(t->saved || t->span_ns || !strcmp(o->file, "-")));
}

void source_need_changes(const struct options *o, const struct table *t)
{
	char buf[VALUE_LEN];

	if (source_is_fixed(o, t))
		errx(failed, "%s: the counts of %s do not change: run kvm-exits report",
		     printable(o->file), *t->origin ? format_origin(buf, t) :
		     "a saved table");
}
