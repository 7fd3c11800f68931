// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another machine for the program: its files, and what CPUID answers there.
 *
 * The linker puts these functions in place of the real ones (--wrap).  All is in
 * the directory $FAKE, which stands for the root directory:
 *
 *	cpuid	lines of LEAF EAX EBX ECX EDX in hexadecimal; others are zero
 *	errors	lines of PATH ERRNO: opening PATH fails
 *	host	what the leaves with the counts are made of, in decimal: a line of ISA
 *		FEATURES TSC_KHZ GENERATION, and for each reason a line of REASON EXITS
 *		CYCLES STOPPED MAX P50 P99 P999 HISTOGRAM and 24 buckets
 *	events	lines of N EVERY WHAT: what happens before the N-th CPUID of the
 *		program and, if EVERY is not 0, before each EVERY-th after it
 *
 * With $FAKE_RANDOM the leaves answer anything; the value is the seed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../program.h"
#include "host_leaves.h"

FILE *__real_fopen(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
int __real_access(const char *path, int mode);
DIR *__real_opendir(const char *path);

static const char *fake(void)
{
	return getenv("FAKE") ?: "";
}

static FILE *list(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", fake(), name);
	return __real_fopen(path, "re");
}

/* The path to use, or NULL with errno. */
static const char *place(const char *path)
{
	static char buf[512];
	char line[256];
	int error;
	FILE *f;

	if (*path != '/' || !strncmp(path, fake(), strlen(fake())))
		return path;
	f = list("errors");
	errno = 0;
	while (f && !errno && fscanf(f, "%255s %d", line, &error) == 2)
		if (!strcmp(line, path))
			errno = error;
	error = errno;
	if (f)
		fclose(f);
	errno = error;
	snprintf(buf, sizeof(buf), "%s%s", fake(), path);
	return error ? NULL : buf;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	path = place(path);
	return path ? __real_fopen(path, mode) : NULL;
}

int __wrap_open(const char *path, int flags, ...)
{
	path = place(path);
	return path ? __real_open(path, flags, 0666) : -1;
}

int __wrap_access(const char *path, int mode)
{
	path = place(path);
	return path ? __real_access(path, mode) : -1;
}

DIR *__wrap_opendir(const char *path)
{
	path = place(path);
	return path ? __real_opendir(path) : NULL;
}

bool __wrap_cpuid_enabled(void)
{
	return !getenv("FAKE_NO_CPUID");
}

/* The thread's CPU, and how often it was preempted. */
static int cpu = 2;
static long switches;

int __wrap_sched_getcpu(void)
{
	return cpu;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	CPU_ZERO_S(size, set);
	CPU_SET_S(2, size, set);
	CPU_SET_S(3, size, set);
	return 0;
}

/* Write each call to a file for the tests: a digit for each of its CPUs. */
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	char path[512];
	int i, n = 0;
	FILE *f;

	(void)pid;
	if (getenv("FAKE_NO_AFFINITY")) {
		errno = EPERM;
		return -1;
	}
	for (i = 0; i < 10; i++)
		if (CPU_ISSET_S(i, size, set))
			n = 10 * n + i;
	if (n < 10)
		cpu = n;
	snprintf(path, sizeof(path), "%s/affinity", fake());
	f = __real_fopen(path, "ae");
	fprintf(f, "%d\n", n);
	fclose(f);
	return 0;
}

int __wrap_getrusage(int who, struct rusage *u)
{
	(void)who;
	*u = (struct rusage) { .ru_nivcsw = switches };
	return 0;
}

#define ROWS	200

struct counts {
	u32 reason;
	u64 exits, cycles, stopped, max;
	u32 p50, p99, p999, histogram;
	u64 bucket[KVM_VMEXIT_BUCKETS];
};

static struct {
	u32 isa, features, tsc_khz, generation;
	bool gone, off;
	struct counts row[ROWS];
	u32 nr;
	struct counts snapshot[ROWS];	/* of this CPU */
	u32 taken;
} host;

static bool read_host(void)
{
	FILE *f = list("host");
	struct counts *c;
	u32 i;

	if (!f)
		return false;
	if (host.isa || fscanf(f, "%u %u %u %u", &host.isa, &host.features,
			       &host.tsc_khz, &host.generation) != 4)
		goto out;
	for (;;) {
		c = &host.row[host.nr];
		if (fscanf(f, "%u %llu %llu %llu %llu %u %u %u %u", &c->reason,
			   &c->exits, &c->cycles, &c->stopped, &c->max, &c->p50,
			   &c->p99, &c->p999, &c->histogram) != 9)
			break;
		for (i = 0; i < KVM_VMEXIT_BUCKETS; i++)
			if (fscanf(f, "%llu", &c->bucket[i]) != 1)
				abort();
		host.nr++;
	}
out:
	fclose(f);
	return true;
}

static void count_cpuid(void)
{
	u32 i, cpuid = host.isa == KVM_VMEXIT_ISA_SVM ? 0x72 : 10;

	for (i = 0; i < host.nr; i++)
		if (host.row[i].reason == cpuid)
			host.row[i].exits++;
}

static void take_snapshot(void)
{
	u32 i;

	host.taken = 0;
	for (i = 0; i < host.nr; i++)
		if (host.row[i].exits)
			host.snapshot[host.taken++] = host.row[i];
}

static void happen(const char *what)
{
	u32 i;

	if (!strcmp(what, "snapshot")) {	/* by another program */
		count_cpuid();
		take_snapshot();
	} else if (!strcmp(what, "work")) {	/* another vCPU exits */
		host.row[host.nr - 1].exits += 5;
		host.row[host.nr - 1].cycles += 500;
	} else if (!strcmp(what, "migrate")) {
		host.generation++;
		host.taken = 0;
		for (i = 0; i < host.nr; i++)
			host.row[i].exits = host.row[i].exits / 2 + 1;
	} else if (!strcmp(what, "gone")) {
		host.gone = true;
		host.taken = 0;
	} else if (!strcmp(what, "off")) {
		host.off = true;
		host.taken = 0;
	} else if (!strcmp(what, "move")) {
		cpu = 5;
	} else if (!strcmp(what, "switch")) {
		switches++;
	} else {
		abort();
	}
}

static void events(void)
{
	static unsigned int n;
	unsigned int at, every;
	FILE *f = list("events");
	char what[16];

	n++;
	while (f && fscanf(f, "%u %u %15s", &at, &every, what) == 3)
		if (n == at || (every && n > at && (n - at) % every == 0))
			happen(what);
	if (f)
		fclose(f);
}

static struct cpuid_regs two(u64 first, u64 second)
{
	return (struct cpuid_regs) { first, first >> 32, second, second >> 32 };
}

static struct cpuid_regs signature(void)
{
	struct cpuid_regs r = { .eax = KVM_VMEXIT_LEAF_LAST };

	memcpy(&r.ebx, KVM_VMEXIT_SIGNATURE, 12);
	return r;
}

#define POSITION	0xffff

/* Answer a leaf as asm/kvm_vmexit.h describes it. */
static struct cpuid_regs answer(u32 leaf, u32 index)
{
	const struct counts *c = &host.snapshot[index & POSITION];
	bool there = (index & POSITION) < host.taken;
	struct cpuid_regs none = {};
	u64 sum = 0;
	u32 i;

	switch (leaf) {
	case KVM_VMEXIT_LEAF_SIGNATURE:
		return signature();
	case KVM_VMEXIT_LEAF_INTERFACE:
		return (struct cpuid_regs) { KVM_VMEXIT_VERSION, host.features,
					     host.isa, host.tsc_khz };
	case KVM_VMEXIT_LEAF_VM:
		return (struct cpuid_regs) { host.off ? 0 : host.generation, 0,
					     host.off ? KVM_VMEXIT_VM_OFF : 0, 0 };
	case KVM_VMEXIT_LEAF_SNAPSHOT:
		if (host.off)
			return none;
		take_snapshot();
		for (i = 0; i < host.taken; i++)
			sum += host.snapshot[i].exits;
		return (struct cpuid_regs) {
			KVM_VMEXIT_SNAPSHOT_MAGIC << 16 | host.taken,
			host.generation, sum, sum >> 32,
		};
	case KVM_VMEXIT_LEAF_ROW:
		return there ? two(c->exits | (u64)c->reason << 48, c->cycles) : none;
	case KVM_VMEXIT_LEAF_STOPPED:
		return there ? two(c->stopped, c->max | (u64)c->p50 << 48 |
				   (u64)c->p99 << 53 | (u64)c->p999 << 58 |
				   (u64)c->histogram << 63) : none;
	case KVM_VMEXIT_LEAF_HISTOGRAM:
		i = index >> KVM_VMEXIT_PAIR_SHIFT;
		return there && i < KVM_VMEXIT_BUCKETS / 2 ?
			two(c->bucket[2 * i], c->bucket[2 * i + 1]) : none;
	}
	return none;
}

static u32 any(void)
{
	static const u32 edges[] = { 0, 1, 2, ~0u, 0x7fffffff, 0x80000000 };
	u32 n = mrand48();

	switch (n >> 29) {
	case 0:
		return edges[n % ARRAY_SIZE(edges)];
	case 1:
		return n & 0xf;
	case 2:
		return KVM_VMEXIT_SNAPSHOT_MAGIC << 16 | (n & 0x1f);
	}
	return n;
}

/* Most answers are right, so that the program also looks at the later ones. */
static struct cpuid_regs random_answer(u32 leaf, u32 index)
{
	static bool seeded;
	struct cpuid_regs r = answer(leaf, index);

	if (!seeded)
		srand48(atol(getenv("FAKE_RANDOM")));
	seeded = true;
	if (leaf < KVM_VMEXIT_LEAF_SIGNATURE || lrand48() % 4)
		return r;
	switch (lrand48() % 5) {
	case 0:
		r.eax = any();
		break;
	case 1:
		r.ebx = any();
		break;
	case 2:
		r.ecx = any();
		break;
	case 3:
		r.edx = any();
		break;
	case 4:
		r = (struct cpuid_regs) { any(), any(), any(), any() };
		break;
	}
	return r;
}

static struct cpuid_regs listed(u32 leaf)
{
	struct cpuid_regs r, none = {};
	FILE *f = list("cpuid");
	u32 l;

	while (f && fscanf(f, "%x %x %x %x %x", &l, &r.eax, &r.ebx, &r.ecx,
			   &r.edx) == 5) {
		if (l == leaf) {
			fclose(f);
			return r;
		}
	}
	if (f)
		fclose(f);
	return none;
}

struct cpuid_regs __wrap_kvm_exits_cpuid(u32 leaf, u32 index)
{
	cpuid_exits++;
	if (!read_host())
		return listed(leaf);
	events();
	count_cpuid();
	if (leaf < KVM_VMEXIT_LEAF_SIGNATURE || host.gone)
		return listed(leaf);
	return getenv("FAKE_RANDOM") ? random_answer(leaf, index) :
				       answer(leaf, index);
}
