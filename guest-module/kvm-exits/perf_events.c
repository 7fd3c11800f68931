// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits of a task, a cgroup or a CPU, counted by the module's PMU "kvm_exits".
 *
 * sysfs describes the encoding of an event, as for perf(1).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "program.h"

#ifndef PMU
#define PMU	"/sys/bus/event_source/devices/kvm_exits"
#endif

/* The first line of a file below the PMU's directory; false with errno. */
static bool read_line(const char *dir, const char *name, char *buf, size_t size)
{
	char path[256];
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), PMU "/%s%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(buf, size, f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	else
		errno = EIO;
	fclose(f);
	return ok;
}

/* Put the value of one term, such as row=5, into the bits of its format. */
static bool place(u64 *config, const char *term, u64 val)
{
	unsigned int low, high;
	char format[64];
	int n;

	if (!read_line("format/", term, format, sizeof(format)))
		return false;
	n = sscanf(format, "config:%u-%u", &low, &high);
	if (n == 1)
		high = low;
	if (n < 1 || low > high || high > 63 ||
	    (high - low < 63 && val >> (high - low + 1))) {
		errno = EINVAL;
		return false;
	}
	*config |= val << low;
	return true;
}

static bool encode(const char *event, u64 *config)
{
	char terms[128], *term, *val, *save;

	if (!read_line("events/", event, terms, sizeof(terms)))
		return false;
	*config = 0;
	for (term = strtok_r(terms, ",", &save); term;
	     term = strtok_r(NULL, ",", &save)) {
		val = strchr(term, '=');
		if (val)
			*val++ = '\0';
		if (!place(config, term, val ? strtoull(val, NULL, 0) : 1))
			return false;
	}
	return true;
}

/**
 * pmu_encode() - name an event of the PMU
 * @event: the name of the reason, in any case, or "exits"
 * @attr: its type and its config are set
 *
 * Return: false with errno if there is no such event.
 */
bool pmu_encode(const char *event, struct perf_event_attr *attr)
{
	char name[NAME_LEN], type[NAME_LEN];
	u64 config;
	size_t i;

	for (i = 0; event[i] && i < NAME_LEN - 1; i++)
		name[i] = tolower((unsigned char)event[i]);
	name[i] = '\0';
	if (!read_line("", "type", type, sizeof(type)) ||
	    !encode(name, &config))
		return false;
	attr->type = strtoul(type, NULL, 10);
	attr->config = config;
	return true;
}

/**
 * pmu_open_target() - count an event of a task, a cgroup or a CPU
 * @event: the name of the reason, in any case, or "exits"
 * @target: whose exits
 *
 * Return: a descriptor for pmu_read(), or -1 with errno.
 */
int pmu_open_target(const char *event, const struct pmu_target *target)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.disabled = target->on_exec,
		.enable_on_exec = target->on_exec,
		.inherit = target->inherit,
	};

	if (!pmu_encode(event, &attr))
		return -1;
	return syscall(SYS_perf_event_open, &attr, target->pid, target->cpu, -1,
		       PERF_FLAG_FD_CLOEXEC | target->flags);
}

/* Count an event of one task. */
int pmu_open(const char *event, pid_t pid)
{
	struct pmu_target target = { .pid = pid, .cpu = -1 };

	return pmu_open_target(event, &target);
}

/* The count, or UNKNOWN if it cannot be read. */
u64 pmu_read(int fd)
{
	__u64 count;

	return fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) ?
		count : UNKNOWN;
}

/* Many events need many descriptors, and the soft limit is often 1024. */
u64 raise_file_limit(void)
{
	struct rlimit limit = {};

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

/* Why pmu_open() failed, and what to do, by errno. */
const char *pmu_error(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no PMU kvm_exits: the module makes it: see kvm-exits check";
	case EACCES:
	case EPERM:
		return "perf events are not permitted: see kvm-exits check";
	case EINVAL:
	case EOPNOTSUPP:
		return "the PMU kvm_exits does not count for tasks: use a newer module";
	case EMFILE:
		return "too many files are open: see ulimit -n";
	case ESRCH:
		return "the task has ended";
	}
	return strerror(error);
}
