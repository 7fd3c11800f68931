// SPDX-License-Identifier: GPL-2.0-only
/*
 * The advice of kvm-exits report --json.  kvm-exits(1) describes the fields.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"

static const char * const verdicts[] = {
	[UNSURE] = "unknown",
	[MUCH] = "much",
	[MEAN] = "one_vcpu",
	[FEW] = "few",
	[SINCE] = "little_so_far",
	[HANDLED] = "little_in_kvm",
	[WAKEUPS] = "wake_ups",
	[STOPS] = "long_stops",
	[QUIET] = "not_the_cause",
};

/* The paragraphs of a text, as an array. */
static void print_text_array(FILE *out, const char *text)
{
	char *copy = strdup(text ?: ""), *rest = copy, *paragraph;
	const char *sep = "";

	if (!copy)
		errx(failed, "no memory");
	fputc('[', out);
	while (text && (paragraph = strsep(&rest, "\n"))) {
		fputs(sep, out);
		print_json_string(out, paragraph);
		sep = ", ";
	}
	fputc(']', out);
	free(copy);
}

static void print_parts(FILE *out, const struct remark *r)
{
	print_json_key(out, "cause");
	print_text_array(out, r->cause);
	print_json_key(out, "remedy");
	print_text_array(out, r->remedy);
	print_json_key(out, "source");
	if (r->source)
		print_json_string(out, r->source);
	else
		fputs("null", out);
}

static void print_remark(FILE *out, const struct advice *a,
			 const struct remark *r)
{
	bool costs = a->vcpu_seconds && a->has_time;
	const char *sep = "";
	unsigned int i;

	fputs("{\"reasons\": [", out);
	for (i = 0; i < a->t->nr_rows; i++) {
		if (!remark_names(a, r, &a->t->rows[i]))
			continue;
		fprintf(out, "%s\"%s\"", sep, a->t->rows[i].name);
		sep = ", ";
	}
	fputc(']', out);
	print_json_number(out, "exits_percent", 3,
			  share(r->sum.exits, a->total.exits));
	print_json_number(out, "time_percent", 3, a->total.cycles ?
			  share(r->sum.cycles, a->total.cycles) : NAN);
	print_json_number(out, "stopped_percent", 3, has(a->t, STOPPED) &&
			  a->has_time ? share(r->sum.cost, a->total.cost) : NAN);
	print_json_number(out, "cost_percent", 3,
			  costs ? 100 * cost_mean(a, &r->sum) : NAN);
	print_json_number(out, "one_vcpu_percent", 3,
			  costs && a->wall && !r->sum.wake_ups ?
			  100 * fmin(1, cost_of_one(a, &r->sum)) : NAN);
	print_parts(out, r);
	fputc('}', out);
}

static void print_stops(FILE *out, const struct advice *a)
{
	const struct stop *s;
	unsigned int i;

	fputs("{\"reasons\": [", out);
	for (i = 0; i < a->nr_stops; i++) {
		s = &a->stop[i];
		fprintf(out, "%s{\"name\": \"%s\"", i ? ", " : "",
			s->row->name);
		print_json_number(out, "longest_seconds", 9, seconds(a, s->longest));
		print_json_number(out, "average_seconds", 9,
				  seconds(a, row_average(s->row, STOPPED)));
		print_json_number(out, "exits_per_second", 3, a->wall ?
				  s->row->count[EXITS] / a->wall : NAN);
		fputc('}', out);
	}
	fputc(']', out);
	print_parts(out, &a->stops);
	fputc('}', out);
}

static void print_vcpus(FILE *out, const struct advice *a)
{
	const struct vcpu *v;
	unsigned int i;

	fputc('[', out);
	for (i = 0; i < a->nr_vcpus; i++) {
		v = &a->vcpu[i];
		fprintf(out, "%s{\"name\": ", i ? ", " : "");
		print_json_string(out, v->name);
		fprintf(out, ", \"exits\": %llu", v->exits);
		print_json_number(out, "exits_per_second", 3,
				  v->exits / a->wall);
		print_json_number(out, "cost_percent", 3, a->has_time ?
				  100 * seconds(a, v->cost) / a->wall : NAN);
		print_json_key(out, "most");
		if (v->most_exits)
			fprintf(out, "\"%s\"", v->most);
		else
			fputs("null", out);
		fputc('}', out);
	}
	fputc(']', out);
}

/**
 * print_json_advice() - print the advice as an object
 * @out: the output
 * @a: the advice
 */
void print_json_advice(FILE *out, const struct advice *a)
{
	bool rates = a->vcpu_seconds;
	unsigned int i;

	if (!a->total.exits) {
		fputs("null", out);
		return;
	}
	fprintf(out, "{\"verdict\": \"%s\", \"bound\": %s",
		verdicts[a->verdict], a->timed ? "false" : "true");
	print_json_number(out, "vcpus", 0, a->vcpus ? a->vcpus : NAN);
	print_json_number(out, "exits_per_vcpu_second", 3,
			  rates ? a->total.exits / a->vcpu_seconds : NAN);
	print_json_number(out, "cost_percent", 3, rates && a->has_time ?
			  100 * cost_mean(a, &a->total) : NAN);
	print_json_number(out, "one_vcpu_percent", 3, a->wall && a->has_time ?
			  100 * fmin(1, cost_of_one(a, &a->total)) : NAN);
	print_json_key(out, "summary");
	fputc('[', out);
	for (i = 0; i < a->nr_sentences; i++) {
		fputs(i ? ", " : "", out);
		print_json_string(out, a->sentence[i]);
	}
	fputs("], \"remarks\": [", out);
	for (i = 0; i < a->nr; i++) {
		fputs(i ? ", " : "", out);
		print_remark(out, a, &a->remark[i]);
	}
	fputs("], \"long_stops\": ", out);
	if (a->nr_stops)
		print_stops(out, a);
	else
		fputs("null", out);
	print_json_key(out, "by_vcpu");
	print_vcpus(out, a);
	print_json_key(out, "commands_in_guest");
	print_text_array(out, a->in_guest);
	print_json_key(out, "commands_on_host");
	print_text_array(out, a->on_host);
	fputc('}', out);
}
