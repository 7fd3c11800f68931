/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests have in common: asking the leaves, reading the table.
 */
#ifndef _COMMON_H
#define _COMMON_H

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <asm/kvm_vmexit.h>
#include <asm/kvm_para.h>

#define FILE_NAME	"/proc/kvm_exits"
#define NOBODY		65534
#define TEXT_BYTES	(64 * 1024)
#define COLUMNS		7	/* of those that are numbers, at most */

struct regs {
	__u32 eax, ebx, ecx, edx;
};

static inline struct regs ask(__u32 leaf, __u32 index)
{
	struct regs r;

	__cpuid_count(leaf, index, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

static inline __u64 pair(__u32 low, __u32 high)
{
	return low | (__u64)high << 32;
}

static inline __u64 rdtsc(void)
{
	__u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return pair(low, high);
}

static inline bool host_signs(void)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);
	__u32 signature[] = { r.ebx, r.ecx, r.edx };

	return !memcmp(signature, KVM_VMEXIT_SIGNATURE, sizeof(signature));
}

/* By the processor, not by what the leaves say of themselves; asked once. */
static inline bool on_amd(void)
{
	static __u32 vendor;

	if (!vendor)
		vendor = ask(0, 0).ebx;
	return vendor == signature_AMD_ebx;
}

static inline __u32 reason_of(__u32 svm, __u32 vmx)
{
	return on_amd() ? svm : vmx;
}

#define REASON_CPUID	reason_of(0x72, 10)
#define REASON_PORT_IO	reason_of(0x7b, 30)
#define REASON_HYPERCALL reason_of(0x81, 18)

/* This asking's own exit is counted in the answer. */
static inline __u64 live_exits(__u32 reason)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_REASON, reason);

	return pair(r.eax, r.ebx);
}

/*
 * Reasons that the architectures leave undefined, inside the range of those
 * that they define, and the first ones beyond it.  Written down here a second
 * time, from the manuals, and not taken from the header.
 */
static const __u32 vmx_undefined[] = { 35, 38, 42, 71, 82, 83 };
#define VMX_REASONS	86

static const struct {
	__u32 first, last;
} svm_defined[] = {
	{ 0, 0xa6 }, { 0x400, 0x403 }, { 0xfffffffc, 0xffffffff },
};

static inline bool defined(__u32 reason)
{
	size_t i;

	if (on_amd()) {
		for (i = 0; i < 3; i++)
			if (reason >= svm_defined[i].first &&
			    reason <= svm_defined[i].last)
				return true;
		return false;
	}

	for (i = 0; i < 6; i++)
		if (reason == vmx_undefined[i])
			return false;
	return reason < VMX_REASONS;
}

/* The next defined reason after @reason; 0 behind the last one. */
static inline __u32 next_defined(__u32 reason)
{
	do {
		reason++;
		if (on_amd() && reason == 0x404)
			reason = 0xfffffffc;
		if (!on_amd() && reason == VMX_REASONS)
			return 0;
	} while (reason && !defined(reason));
	return reason;
}

/* What the harness waits for takes longer on a kernel that watches itself. */
static inline unsigned int alarm_when_late(unsigned int seconds)
{
	return alarm(seconds * atoi(getenv("slowness") ?: "1"));
}

#define alarm	alarm_when_late

static inline int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static inline int cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

static inline int failed_children(int n)
{
	int status, failed = 0;

	while (n--) {
		if (wait(&status) < 0)
			return -1;
		failed += !!status;
	}
	return failed;
}

/* One that KVM does not know, and would not take from a process anyway. */
static inline void hypercall(void)
{
	long ret;

	if (on_amd())
		asm volatile("vmmcall" : "=a" (ret) : "0" (-1L) : "memory");
	else
		asm volatile("vmcall" : "=a" (ret) : "0" (-1L) : "memory");
}

/* Whether the guest's kernel makes hypercalls when it schedules. */
static inline bool kernel_makes_hypercalls(void)
{
	__u32 features = ask(KVM_CPUID_FEATURES, 0).eax;

	return features & (1 << KVM_FEATURE_PV_UNHALT |
			   1 << KVM_FEATURE_PV_SEND_IPI |
			   1 << KVM_FEATURE_PV_SCHED_YIELD);
}

/* A serial console takes port I/O long after it was written to. */
static inline void quiet_console(void)
{
	if (isatty(STDOUT_FILENO))
		tcdrain(STDOUT_FILENO);
}

enum column { EXITS, CYCLES, STOPPED, MAX, P50, P99, P999 };

struct row {
	char name[32];
	__u32 reason;
	__u64 value[COLUMNS];	/* in the order of enum column */
};

struct table {
	char vendor[8];
	unsigned int version;
	unsigned int tsc_khz;
	unsigned int generation;
	unsigned int exits_per_read;
	int columns;
	int rows;
	struct row total;
	struct row row[KVM_VMEXIT_ROWS];
};

static inline struct row *row_of(struct table *t, __u32 reason)
{
	int i;

	for (i = 0; i < t->rows; i++)
		if (t->row[i].reason == reason)
			return &t->row[i];
	return NULL;
}

static inline __u64 exits_of(struct table *t, __u32 reason)
{
	struct row *r = row_of(t, reason);

	return r ? r->value[EXITS] : 0;
}

/* Rows with exits. */
static inline unsigned int rows_used(struct table *t)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < t->rows; i++)
		n += !!t->row[i].value[EXITS];
	return n;
}

static inline bool parse_row(char *line, struct row *r, int columns)
{
	char reason[16], *end;
	int i, n;

	if (sscanf(line, "%15s %31s%n", reason, r->name, &n) != 2)
		return false;
	r->reason = strtoul(reason, &end, 10);
	if (*end && strcmp(reason, "-"))
		return false;

	for (i = 0, line += n; i < columns; i++, line = end) {
		r->value[i] = strtoull(line, &end, 10);
		/* A percentile may be unknown. */
		if (end == line && i >= P50 && !strncmp(line + strspn(line, " "), "-", 1))
			end = line + strspn(line, " ") + 1;
		if (end == line)
			return false;
	}
	return !*end;
}

#define COLUMN_NAMES	"reason name exits cycles stopped_cycles max_cycles p50 p99 p99.9"

static inline int parse_columns(char *line)
{
	char *word, names[256] = "";
	int n = 0;

	for (word = strtok(line, " "); word; word = strtok(NULL, " "), n++) {
		strcat(names, *names ? " " : "");
		strncat(names, word, 32);
		if (n > COLUMNS + 2)
			return -1;
	}
	/* Columns come in two sets; they are only ever appended. */
	if (!strcmp(names, "# reason name exits cycles"))
		return 2;
	return strcmp(names, "# " COLUMN_NAMES) ? -1 : COLUMNS;
}

/*
 * Takes a table apart, and @text with it.  Returns "whole", or what is wrong
 * with it: any text that is not exactly a table, or does not add up.
 */
static inline const char *parse_table(char *text, struct table *t)
{
	struct row sum = {}, *r;
	char *line, *next;
	int i, n = 0;

	memset(t, 0, sizeof(*t));
	if (!*text || text[strlen(text) - 1] != '\n')
		return "it does not end with a whole line";

	for (line = text; *line; line = next, n++) {
		next = strchr(line, '\n');
		*next++ = '\0';

		switch (n) {
		case 0:
			if (sscanf(line, "# kvm_exits version %u", &t->version) != 1)
				return "no version";
			break;
		case 1:
			if (sscanf(line, "# vendor %7s", t->vendor) != 1)
				return "no vendor";
			break;
		case 2:
			if (sscanf(line, "# tsc_khz %u", &t->tsc_khz) != 1)
				return "no tsc_khz";
			break;
		case 3:
			if (sscanf(line, "# generation %u", &t->generation) != 1)
				return "no generation";
			break;
		case 4:
			if (sscanf(line, "# exits_per_read %u", &t->exits_per_read) != 1)
				return "no exits_per_read";
			break;
		case 5:
			t->columns = parse_columns(line);
			if (t->columns < 0)
				return "other columns";
			break;
		case 6:
			if (!parse_row(line, &t->total, t->columns) ||
			    strcmp(t->total.name, "total") || *line != '-')
				return "no total";
			break;
		default:
			if (t->rows == KVM_VMEXIT_ROWS)
				return "too many rows";
			r = &t->row[t->rows++];
			if (!parse_row(line, r, t->columns) || *line == '-')
				return "a row that is none";
			if (t->rows > 1 && r->reason <= r[-1].reason)
				return "reasons that do not ascend";
			for (i = EXITS; i <= STOPPED; i++)
				sum.value[i] += r->value[i];
			if (r->value[MAX] > sum.value[MAX])
				sum.value[MAX] = r->value[MAX];
		}
	}

	if (n < 7)
		return "no rows";
	if (sum.value[EXITS] != t->total.value[EXITS])
		return "exits that do not add up";
	if (sum.value[CYCLES] != t->total.value[CYCLES])
		return "cycles that do not add up";
	if (sum.value[STOPPED] != t->total.value[STOPPED])
		return "stopped cycles that do not add up";
	if (sum.value[MAX] != t->total.value[MAX])
		return "a longest stop that is no row's";
	return "whole";
}

/* Reads a file from where it stands to its end; -1 and errno on failure. */
static inline ssize_t read_text(int fd, char *text)
{
	ssize_t ret, n = 0;

	do {
		ret = read(fd, text + n, TEXT_BYTES - 1 - n);
		if (ret < 0)
			return ret;
		n += ret;
	} while (ret && n < TEXT_BYTES - 1);

	text[n] = '\0';
	return n;
}

static inline ssize_t read_file(const char *name, char *text)
{
	int err, fd = open(name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read_text(fd, text);
	err = errno;
	close(fd);
	errno = err;
	return n;
}

/* @text whole, for files of the kernel's that are switches. */
static inline bool write_to(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return done;
}

/* "whole", what is wrong with the table, or why it could not be read. */
static inline const char *read_table(struct table *t)
{
	static __thread char text[TEXT_BYTES];

	if (read_file(FILE_NAME, text) < 0)
		return strerror(errno);
	return parse_table(text, t);
}

#endif /* _COMMON_H */
