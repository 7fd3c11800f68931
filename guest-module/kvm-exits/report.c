// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits report: where the time went, in words, with advice.
 */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "advice.inc"

#define LISTED		5	/* reasons in a list */

static void print_counts(const struct table *t, unsigned int from,
			 unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++)
		printf("  %-25s %14llu %6.2f %%\n", t->rows[i].name,
		       t->rows[i].count[EXITS],
		       share(t->rows[i].count[EXITS], t->total.count[EXITS]));
}

/* The rows are sorted by exits. */
static void print_frequency(const struct table *t, unsigned int occurred)
{
	unsigned int most = occurred < LISTED ? occurred : LISTED;
	unsigned int least = occurred - most < LISTED ? most : occurred - LISTED;

	puts("\nMost frequent");
	print_counts(t, 0, most);
	if (least < occurred) {
		puts("\nLeast frequent of those that occurred");
		print_counts(t, least, occurred);
	}
	printf("\n%u of %u reasons occurred.\n", occurred, t->nr_rows);
}

static void print_cycles(const struct table *t, u64 cycles)
{
	char buf[VALUE_LEN];

	if (cycles == UNKNOWN)
		strcpy(buf, "-");
	else
		format_time(buf, cycles, t->tsc_khz);
	printf(" %9s", buf);
}

/* The rows are sorted by time. */
static void print_time(const struct table *t, unsigned int occurred)
{
	unsigned int i;

	printf("\nWhere KVM's time went%s\n", t->tsc_khz ? "" :
	       " (in cycles: the TSC's frequency is unknown)");
	printf("  %-25s %9s %8s %9s\n", "", "time", "share", "average");
	for (i = 0; i < occurred && i < LISTED; i++) {
		printf("  %-25s", t->rows[i].name);
		print_cycles(t, t->rows[i].count[CYCLES]);
		printf(" %6.2f %%", share(t->rows[i].count[CYCLES],
					  t->total.count[CYCLES]));
		print_cycles(t, row_average(&t->rows[i], CYCLES));
		putchar('\n');
	}
}

/* The rows are sorted by stopped time. */
static void print_stopped(const struct table *t, unsigned int occurred)
{
	static const enum count columns[] = { P50, P99, P999, MAX };
	unsigned int i, j;

	puts("\nHow long exits stopped a vCPU, until its next entry (HLT: asleep)");
	printf("  %-25s %9s %9s %9s %9s %9s\n", "", "time", "median <=",
	       "99 % <=", "99.9 % <=", "longest");
	for (i = 0; i < occurred && i < LISTED; i++) {
		printf("  %-25s", t->rows[i].name);
		print_cycles(t, t->rows[i].count[STOPPED]);
		for (j = 0; j < ARRAY_SIZE(columns); j++)
			print_cycles(t, t->rows[i].count[columns[j]]);
		putchar('\n');
	}
}

/* Say whether the exits are of an interval, or of the time since the counts began. */
static void print_heading(const struct table *t)
{
	char buf[VALUE_LEN];

	if (t->ns)
		printf("VM exits in %.3f s (%s, %s)\n\n", t->ns / 1e9,
		       t->vendor, format_origin(buf, t));
	else
		printf("VM exits %s (%s, %s)\n\n", *t->origin ?
		       "in an unknown time" : "since the counts began",
		       t->vendor, format_origin(buf, t));
}

/* Returns how many of the rows that match have exits. */
static unsigned int filter_rows(struct table *t, const regex_t *filter)
{
	unsigned int i, occurred = 0;

	table_filter(t, filter);
	for (i = 0; i < t->nr_rows; i++)
		occurred += t->rows[i].count[EXITS] != 0;
	return occurred;
}

static void print_total(const struct table *t)
{
	char buf[VALUE_LEN];

	printf("%llu exits, ", t->total.count[EXITS]);
	/* If all exits together took no time, their time was not measured. */
	if (has(t, CYCLES) && (t->total.count[CYCLES] || !t->total.count[EXITS])) {
		printf("handled by KVM in %s%s",
		       format_time(buf, t->total.count[CYCLES], t->tsc_khz),
		       t->tsc_khz ? "" : " cycles");
		printf(", %s on average.\n",
		       format_time(buf, row_average(&t->total, CYCLES),
				   t->tsc_khz));
	} else {
		puts("handled by KVM in an unknown time.");
	}
	print_incomplete(stdout, t);
	if (*t->origin)
		puts("A host with the patched KVM has that time too, counts always, and shows a\n"
		     "guest its own exits and the code that causes them.");
	if (t->read_exits)
		printf("%llu exits for CPUID by reading are left out.\n",
		       t->read_exits);
	else if (t->exits_per_read)
		printf("Each reading of the counts is %u of the exits for CPUID.\n",
		       t->exits_per_read);
}

/**
 * print_beginning() - print the first lines of a report
 * @t: the table; this sorts its rows
 */
void print_beginning(struct table *t)
{
	unsigned int occurred = filter_rows(t, NULL);

	print_heading(t);
	print_total(t);
	table_sort(t, SORT_EXITS, CYCLES, NULL);
	puts("\nMost frequent");
	print_counts(t, 0, occurred < LISTED ? occurred : LISTED);
}

/* The label is before the first paragraph.  The others begin below its end. */
static void print_paragraphs(const char *label, const char *text)
{
	char *copy = strdup(text), *rest = copy, *paragraph;
	char below[16];

	if (!copy)
		errx(failed, "no memory");
	snprintf(below, sizeof(below), "%*s", (int)strlen(label), "");
	while ((paragraph = strsep(&rest, "\n"))) {
		print_wrapped(label, paragraph);
		label = below;
	}
	free(copy);
}

/* Print the parts that a remark has, each after a label. */
static void print_parts(const struct remark *r)
{
	char *source;

	if (r->cause)
		print_paragraphs("  cause   ", r->cause);
	if (r->remedy)
		print_paragraphs("  remedy  ", r->remedy);
	if (!r->source)
		return;
	if (asprintf(&source, "%s.", r->source) < 0)
		errx(failed, "no memory");
	print_wrapped("  source  ", source);
	free(source);
}

/* How much a remark's exits cost: what would be won without them. */
static void print_cost(const struct advice *a, const struct sum *s)
{
	double one = cost_of_one(a, s);

	if (!a->vcpu_seconds || !a->has_time)
		return;
	printf("costs %s%.2f %% of the vCPUs' time", a->timed ? "" : "at most ",
	       100 * cost_mean(a, s));
	/* The wake-ups of all vCPUs are never those of one. */
	if (is_mean(a) && one <= 1 && !s->wake_ups)
		printf(" (up to %.1f %% of one vCPU's)", 100 * one);
	if (s->wake_ups)
		printf(", with wake-ups as estimated");
	putchar('\n');
}

static void print_remark(const struct advice *a, const struct remark *r)
{
	char names[1200] = "";
	size_t n = 0;
	unsigned int i;

	/* The most frequent first. */
	for (i = 0; i < a->t->nr_rows && n < sizeof(names) - NAME_LEN - 4; i++)
		if (remark_names(a, r, &a->t->rows[i]))
			n += sprintf(names + n, "%s%s", n ? ", " : "",
				     a->t->rows[i].name);
	strcpy(names + n, ":");
	putchar('\n');
	print_wrapped("", names);
	printf("%.0f %% of the exits", share(r->sum.exits, a->total.exits));
	if (a->total.cycles)
		printf(", %.0f %% of KVM's time",
		       share(r->sum.cycles, a->total.cycles));
	if (has(a->t, STOPPED) && a->has_time)
		printf(", %.0f %% of the stopped time without sleep",
		       share(r->sum.cost, a->total.cost));
	putchar('\n');
	print_cost(a, &r->sum);
	print_parts(r);
}

static void print_stops(const struct advice *a)
{
	const struct stop *s;
	unsigned int i;

	if (!a->nr_stops)
		return;
	printf("\nLongest stops (sleep left out)\n  %-25s %9s %9s%s\n", "",
	       "longest", "average", a->wall ? "  a second" : "");
	for (i = 0; i < a->nr_stops; i++) {
		s = &a->stop[i];
		printf("  %-25s", s->row->name);
		print_cycles(a->t, s->longest);
		print_cycles(a->t, row_average(s->row, STOPPED));
		if (a->wall)
			printf(" %9.1f", s->row->count[EXITS] / a->wall);
		putchar('\n');
	}
	print_parts(&a->stops);
}

/* A command that is too long goes on in the next line, before an option. */
static void print_command(const char *command)
{
	const char *cut, *next;

	printf("  ");
	while (strlen(command) > 74) {
		cut = NULL;
		for (next = strstr(command + 1, " -e "); next &&
		     next - command <= 74; next = strstr(next + 1, " -e "))
			cut = next;
		if (!cut)
			break;
		printf("%.*s \\\n           ", (int)(cut - command), command);
		command = cut;
	}
	puts(command);
}

static void print_commands(const struct advice *a)
{
	char *copy, *rest, *command;

	if (a->in_guest) {
		printf("\n%s\n", who_guest);
		copy = strdup(a->in_guest);
		rest = copy;
		while (rest && (command = strsep(&rest, "\n")))
			print_command(command);
		free(copy);
	}
	if (a->on_host) {
		putchar('\n');
		printf(who_host, a->host->name);
		putchar('\n');
		print_command(a->on_host);
		print_paragraphs("  ", a->on_host_means);
	}
}

static void print_advice(const struct advice *a)
{
	unsigned int i;

	puts("\nIs that much?");
	for (i = 0; i < a->nr_sentences; i++)
		print_wrapped("", a->sentence[i]);
	for (i = 0; i < a->nr; i++)
		print_remark(a, &a->remark[i]);
	print_stops(a);
	print_commands(a);
}

#define LISTED_VCPUS	10

/* The table's rows can be in any order. */
static void print_vcpus(const struct table *t, const struct vcpu *vcpu,
			unsigned int nr)
{
	const struct vcpu *v;
	unsigned int i;

	if (!nr)
		return;
	puts("\nExits by vCPU, and what they cost it by the averages of the VM");
	printf("  %-20s %12s %10s %8s  most\n", "", "exits", "exits/s", "lost");
	for (i = 0; i < nr && i < LISTED_VCPUS; i++) {
		v = &vcpu[i];
		printf("  %-20s %12llu %10.1f", v->name, v->exits,
		       1e9 * v->exits / t->ns);
		if (t->tsc_khz)
			printf(" %6.2f %%", cpu_share(t, v->cost));
		else
			printf(" %8s", "-");
		if (v->most_exits)
			printf("  %s %.0f %%", v->most,
			       share(v->most_exits, v->exits));
		putchar('\n');
	}
	if (nr > LISTED_VCPUS)
		printf("  and %u vCPUs that lost less\n", nr - LISTED_VCPUS);
}

/* The advice needs all rows, even where the filter hides some. */
static void print_report(struct table *all, const struct vcpu *vcpu,
			 unsigned int nr_vcpus, const regex_t *filter)
{
	struct table shown = {}, *t = &shown;
	unsigned int occurred;
	struct advice *a;

	table_copy(t, all);
	occurred = filter_rows(t, filter);

	print_heading(t);
	print_total(t);
	if (!occurred) {
		table_free(t);
		return;
	}

	table_sort(t, SORT_EXITS, CYCLES, NULL);
	print_frequency(t, occurred);
	if (has(t, CYCLES) && t->total.count[CYCLES]) {
		table_sort(t, SORT_TIME, CYCLES, NULL);
		print_time(t, occurred);
	}
	if (has(t, STOPPED)) {
		table_sort(t, SORT_TIME, STOPPED, NULL);
		print_stopped(t, occurred);
	}
	print_vcpus(t, vcpu, nr_vcpus);
	table_free(t);
	a = advice_make(all, vcpu, nr_vcpus, filter);
	print_advice(a);
	advice_free(a);
}

static void print_json_report(struct table *all, const struct vcpu *vcpu,
			      unsigned int nr_vcpus, const regex_t *filter)
{
	struct table shown = {};
	struct advice *a;

	table_copy(&shown, all);
	table_filter(&shown, filter);
	a = advice_make(all, vcpu, nr_vcpus, filter);
	begin_json(stdout, &shown, shown.ns, COUNTED);
	fputs(", \"advice\": ", stdout);
	print_json_advice(stdout, a);
	puts("}");
	advice_free(a);
	table_free(&shown);
}

/* A table that is read first says which reasons are worth an event. */
static void begin_per_cpu(const struct options *o)
{
	struct table t = {};
	const char *why;

	source_read_or_die(o, &t);
	why = vcpus_open(&t, vm_pid(o));
	if (why)
		errx(failed, "--per-cpu: %s", why);
	table_free(&t);
}

/* What print_report() prints, to be freed. */
static char *report_text(struct table *t, const struct vcpu *vcpu,
			 unsigned int nr_vcpus, const regex_t *filter)
{
	FILE *real = stdout;
	char *text = NULL;
	size_t size;

	stdout = open_memstream(&text, &size);
	if (!stdout)
		errx(failed, "no memory");
	print_report(t, vcpu, nr_vcpus, filter);
	if (fclose(stdout))
		errx(failed, "no memory");
	stdout = real;
	return text;
}

int cmd_report(const struct options *o)
{
	struct options with_histogram = *o;
	unsigned int nr_vcpus = 0;
	char *text;
	struct vcpu *vcpu = NULL;
	struct table t = {};
	int status = EXIT_SUCCESS;

	if (o->html)
		check_replaceable(o->html);
	if (o->per_cpu)
		begin_per_cpu(o);
	if (o->interval || o->args || o->source->has_next) {
		with_histogram.percentiles = true;
		status = measure(&with_histogram, &t);
	} else {
		source_read_or_die(o, &t);
		t.ns = t.span_ns;
	}
	if (o->per_cpu)
		vcpu = vcpus_read(&t, &nr_vcpus);
	if (o->live)
		facts_read(&t.facts);
	else if (o->vm)
		snprintf(t.facts.cpus, NAME_LEN, "%u", vm_vcpus(o));

	switch (o->format) {
	case TEXT:
		if (!o->html) {
			print_report(&t, vcpu, nr_vcpus, o->filter);
			break;
		}
		text = report_text(&t, vcpu, nr_vcpus, o->filter);
		html_report(o, &t, text);
		free(text);
		break;
	case CSV:
		table_filter(&t, o->filter);
		print_csv_header(stdout);
		print_csv(stdout, &t, t.ns, COUNTED);
		break;
	case JSON:
		print_json_report(&t, vcpu, nr_vcpus, o->filter);
		break;
	}
	finish(stdout);
	free(vcpu);
	table_free(&t);
	return status;
}
