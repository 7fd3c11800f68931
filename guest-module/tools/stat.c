// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits stat: the exits while a command runs, or in each interval.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "kvm-exits.h"

extern char **environ;

static void print_text_row(FILE *out, const struct table *t,
			   const struct row *r)
{
	char buf[VALUE_LEN];

	fprintf(out, "%-25s %12llu %10.1f %6.2f", r->name,
		r->count[EXITS], 1e9 * r->count[EXITS] / t->ns,
		share(r->count[CYCLES], t->total.count[CYCLES]));
	fprintf(out, " %10s",
		format_time(buf, row_average(r, CYCLES), t->tsc_khz));
	if (has(t, STOPPED))
		fprintf(out, " %11s",
			format_time(buf, row_average(r, STOPPED), t->tsc_khz));
	fputc('\n', out);
}

static void print_text(FILE *out, const struct table *t)
{
	const struct row *total = &t->total;
	char buf[VALUE_LEN];
	unsigned int i;

	fprintf(out, "%llu exits in %.3f s", total->count[EXITS],
		t->ns / 1e9);
	if (t->tsc_khz)
		fprintf(out, ", handled in %s, %.2f %% of one CPU",
			format_time(buf, total->count[CYCLES], t->tsc_khz),
			100e6 * total->count[CYCLES] / t->tsc_khz / t->ns);
	fputc('\n', out);
	if (t->read_exits)
		fprintf(out, "(%llu exits for CPUID by reading the counts are left out)\n",
			t->read_exits);

	fprintf(out, "%-25s %12s %10s %6s %10s%s\n", "reason", "exits",
		"exits/s", "time%", t->tsc_khz ? "average" : "avg cycles",
		has(t, STOPPED) ? " avg stopped" : "");
	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].count[EXITS])
			print_text_row(out, t, &t->rows[i]);
	print_text_row(out, t, total);
}

static void print_interval(FILE *out, const struct options *o,
			   struct table *t, u64 end, bool reset)
{
	if (reset && o->format != JSON)
		warnx("the counts began anew within these %.3f s", t->ns / 1e9);
	table_sort(t, o->sort, CYCLES);

	switch (o->format) {
	case TEXT:
		if (o->interval)
			fprintf(out, "%s%.3f s: ", end > t->ns ? "\n" : "",
				end / 1e9);
		if (!reset)
			print_text(out, t);
		else if (o->interval)
			fputs("the counts began anew\n", out);
		break;
	case CSV:
		if (!reset)
			print_csv(out, t, end);
		break;
	case JSON:
		print_json(out, t, end, reset);
		break;
	}
	finish(out);
}

/* The terminal's signals are for the command, as they are with time(1). */
static pid_t start(char **command)
{
	static const int signals[] = { SIGINT, SIGQUIT };
	posix_spawnattr_t attr;
	sigset_t restore;
	unsigned int i;
	pid_t pid;
	int error;

	sigemptyset(&restore);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (signal(signals[i], SIG_IGN) != SIG_IGN)
			sigaddset(&restore, signals[i]);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &restore);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(&pid, command[0], NULL, &attr, command, environ);
	posix_spawnattr_destroy(&attr);
	if (error) {
		errno = error;
		err(error == ENOENT ? 127 : 126, "%s", command[0]);
	}
	return pid;
}

/* As a shell has it. */
static int exit_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		err(EXIT_FAILURE, "waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/* Wait until a time, or for the command's end, which is told. */
static bool wait_for(int pidfd, const struct options *o, u64 until)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	s64 left;
	int n;

	do {
		left = -1;
		if (o->interval)
			left = (s64)(until - now_ns() + 999999) / 1000000;
		if (o->interval && left < 0)
			left = 0;
		n = poll(&p, 1, left);
		if (n < 0 && errno != EINTR)
			err(EXIT_FAILURE, "poll");
	} while (n < 0 || (!n && now_ns() < until));
	return n;
}

int cmd_stat(const struct options *o)
{
	struct table then = {}, now = {}, delta = {}, swap;
	FILE *out = o->command ? stderr : stdout;
	unsigned long n = 0;
	bool ended = false;
	u64 begin;
	int pidfd = -1;
	pid_t pid = 0;
	bool same;

	if (o->output) {
		out = fopen(o->output, "we");
		if (!out)
			err(EXIT_FAILURE, "%s", o->output);
	}
	if (o->format == CSV)
		print_csv_header(out);

	table_read_or_die(&then, TABLE, o->file);
	begin = then.ns;
	if (o->command) {
		pid = start(o->command);
		pidfd = pidfd_open(pid, 0);
		if (pidfd < 0)
			err(EXIT_FAILURE, "pidfd_open");
	}

	while (!ended && (!o->count || n++ < o->count)) {
		ended = wait_for(pidfd, o, begin + n * o->interval * 1000000);
		table_read_or_die(&now, TABLE, o->file);
		same = table_delta(&delta, &then, &now, then.exits_per_read);
		print_interval(out, o, &delta, now.ns - begin, !same);
		swap = then;
		then = now;
		now = swap;
	}

	table_free(&then);
	table_free(&now);
	table_free(&delta);
	return pid ? exit_status(pid) : 0;
}
