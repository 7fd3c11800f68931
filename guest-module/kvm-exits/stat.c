// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits stat: the exits while a command runs, or in each interval.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

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
		fprintf(out,
			"(%llu exits for CPUID by reading are left out, and their time as estimated)\n",
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
	table_sort(t, o->sort, CYCLES, NULL);

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
	sigset_t restore, child, mask;
	posix_spawnattr_t attr;
	unsigned int i;
	pid_t pid;
	int error;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &mask);
	signal(SIGCHLD, SIG_DFL);

	sigemptyset(&restore);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (signal(signals[i], SIG_IGN) != SIG_IGN)
			sigaddset(&restore, signals[i]);

	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &restore);
	posix_spawnattr_setsigmask(&attr, &mask);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
				 POSIX_SPAWN_SETSIGMASK);
	error = posix_spawnp(&pid, command[0], NULL, &attr, command, environ);
	posix_spawnattr_destroy(&attr);
	if (error) {
		errno = error;
		err(error == ENOENT ? 127 : 126, "%s", command[0]);
	}
	return pid;
}

/* As a shell has it. */
static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/*
 * Wait for the interval's end, or for the command's: true, and its status.
 * SIGCHLD is blocked if there is a command, and does not come if there is none.
 */
static bool wait_for(pid_t pid, int *status, const struct options *o, u64 until)
{
	struct timespec ts;
	sigset_t child;
	u64 now;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		if (pid && waitpid(pid, status, WNOHANG) == pid)
			return true;
		now = now_ns();
		if (o->interval && now >= until)
			return false;
		ts.tv_sec = (until - now) / 1000000000;
		ts.tv_nsec = (until - now) % 1000000000;
		sigtimedwait(&child, NULL, o->interval ? &ts : NULL);
	}
}

int cmd_stat(const struct options *o)
{
	struct table then = {}, now = {}, delta = {}, swap;
	FILE *out = o->command ? stderr : stdout;
	unsigned long n;
	bool ended = false;
	int status = 0;
	pid_t pid = 0;
	u64 begin, until;
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
	until = begin;
	if (o->command)
		pid = start(o->command);

	for (n = 1; !ended && (!o->count || n <= o->count); n++) {
		if (o->interval)
			until = interval_end(until, o->interval * 1000000);
		ended = wait_for(pid, &status, o, until);
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
	return exit_status(status);
}
