// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice: whether the exits cost much, which of them stop a vCPU for long, and where
 * to look.  The remarks about families of reasons are in remarks.c, the texts of both
 * in advice.txt.
 *
 * The sleep in HLT is no cost.  A table has the sum of all vCPUs.  It does not tell what
 * one of them lost, only that it is no more than the sum: a verdict names the mean and
 * this bound.
 */
#include <err.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "advice.inc"

#define EARNED		10	/* percent of the exits or of a time: worth a remark */
#define NO_COST		3	/* percent of the time: less is no reason to look */
#define JOINED		2	/* percent that a reason needs to be named */

/* The VMM does the work if the stop is longer than the handling by both limits. */
#define VMM_RATIO	1.8
#define VMM_TIME	0.000002	/* s */
#define VMM_STOP	0.00001	/* s; if handling is unknown, a longer stop is the VMM's */

#define SHORT_SLEEP	0.0005	/* s; a shorter HLT costs more than it saves */

/* For each second of a vCPU.  Exits below both limits cause no problem. */
#define QUIET_RATE	500	/* exits */
#define QUIET_LOAD	0.015	/* of its time stopped, without the sleep */

/* The limits for an interval of known length: no storm can hide in it. */
#define NORMAL_RATE	5000
#define NORMAL_LOAD	0.01

/* A stop of this length matters to what has to react fast. */
#define LATENCY		0.0001	/* s */
#define OFTEN		0.00005	/* s; with this average, long stops come often */
#define SLOW_FAULT	0.00002	/* s; KVM maps a page faster */

#define UNUSUAL		8	/* times the average; a longer stop has another cause */
#define STORM		1	/* s of stops that a long time can hide */

#define MARKS		10	/* exits that show Windows; a firmware takes fewer */

enum family family_of(const struct row *r)
{
	const struct reason *reason = reason_find(r->name);

	return reason ? reason->family : OTHER;
}

double seconds(const struct advice *a, double cycles)
{
	return a->t->tsc_khz ? cycles / a->t->tsc_khz / 1000 : 0;
}

/*
 * The sleep of an idle vCPU costs nothing.  Its handling does.  A cost that the
 * table does not have counts as zero.
 */
u64 row_cost(const struct advice *a, const struct row *r)
{
	enum family f = family_of(r);

	if (has(a->t, STOPPED) && f != IDLE && f != MWAIT)
		return r->count[STOPPED];
	return has(a->t, CYCLES) && !a->one_clock ? r->count[CYCLES] : 0;
}

static void add_row(const struct advice *a, struct sum *sum,
		    const struct row *r)
{
	sum->exits += r->count[EXITS];
	if (has(a->t, CYCLES) && !a->one_clock)
		sum->cycles += r->count[CYCLES];
	sum->cost += row_cost(a, r);
}

struct sum sum_of(const struct advice *a, unsigned int families)
{
	struct sum all = {};
	unsigned int f;

	for (f = 0; f < FAMILIES; f++) {
		if (!(families & 1u << f))
			continue;
		all.exits += a->family[f].exits;
		all.cycles += a->family[f].cycles;
		all.cost += a->family[f].cost;
	}
	return all;
}

u64 exits_of(const struct advice *a, const char *name)
{
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++)
		if (!strcmp(a->t->rows[i].name, name))
			return a->t->rows[i].count[EXITS];
	return 0;
}

/* A remark needs a share of the cost, or of the exits if they cost something. */
bool earns(const struct advice *a, const struct sum *s)
{
	double cost = fmax(share(s->cycles, a->total.cycles),
			   share(s->cost, a->total.cost));

	return s->exits && (cost >= EARNED ||
			    (share(s->exits, a->total.exits) >= EARNED &&
			     (cost >= NO_COST || !a->has_time)));
}

/* The average cost, and the average handling, of an exit of the family, in seconds. */
double average_cost(const struct advice *a, enum family f)
{
	const struct sum *s = &a->family[f];

	return s->exits ? seconds(a, 1.0 * s->cost / s->exits) : 0;
}

double average_handling(const struct advice *a, enum family f)
{
	const struct sum *s = &a->family[f];

	return s->exits ? seconds(a, 1.0 * s->cycles / s->exits) : 0;
}

/* Whether the VMM does the work, or KVM. */
enum where where(const struct advice *a, enum family f)
{
	const struct sum *s = &a->family[f];
	double more = average_cost(a, f) - average_handling(a, f);

	if (!has(a->t, STOPPED) || !a->has_time)
		return ANYWHERE;
	if (a->one_clock)
		return average_cost(a, f) >= VMM_STOP ? IN_VMM : IN_KVM;
	return s->cost >= VMM_RATIO * s->cycles &&
	       (more >= VMM_TIME || !a->t->tsc_khz) ? IN_VMM : IN_KVM;
}

/* Share of the time of all vCPUs; 0 if unknown. */
double cost_mean(const struct advice *a, const struct sum *s)
{
	return a->vcpu_seconds ?
	       (seconds(a, s->cost) + s->wake_ups) / a->vcpu_seconds : 0;
}

/* The cost as a share of one vCPU's time, if one vCPU takes all. */
double cost_of_one(const struct advice *a, const struct sum *s)
{
	return a->wall ? (seconds(a, s->cost) + s->wake_ups) / a->wall : 0;
}

/* Append a paragraph. */
void add_text(char **to, const char *fmt, ...)
{
	char *sentence, *all;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&sentence, fmt, args);
	va_end(args);
	if (n < 0 || asprintf(&all, "%s%s%s", *to ?: "", *to ? "\n" : "",
			      sentence) < 0)
		errx(failed, "no memory");
	free(sentence);
	free(*to);
	*to = all;
}

static char **next_sentence(struct advice *a)
{
	return &a->sentence[a->nr_sentences++];
}

/*
 * Windows lowers the priority of its APIC, and switches debug registers and
 * calls the hypervisor at a rate that no other guest does.
 */
static const char *marks_of_windows(const struct advice *a)
{
	static const char * const priority[] = {
		"TPR_BELOW_THRESHOLD", "WRITE_CR8", "WRITE_CR8_TRAP", "READ_CR8",
	};
	u64 debug = 0;
	unsigned int i;

	if (a->has_facts)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(priority); i++)
		if (exits_of(a, priority[i]) >= MARKS)
			return priority[i];
	for (i = 0; i < a->t->nr_rows; i++)
		if (!strncmp(a->t->rows[i].name, "DR_ACCESS", 9) ||
		    !strncmp(a->t->rows[i].name, "WRITE_DR", 8))
			debug += a->t->rows[i].count[EXITS];
	if (a->family[HYPERCALL].exits && 200 * debug >= a->total.exits)
		return "accesses to debug registers, and hypercalls";
	return NULL;
}

static void prepare(struct advice *a, const struct table *t)
{
	const struct facts *f = &t->facts;
	double stopped = 0;
	unsigned int i;

	a->t = t;
	a->has_facts = *f->clocksource || *f->pv_features;
	a->pv = strtoul(f->pv_features, NULL, 16);
	a->vcpus = strtoul(f->cpus, NULL, 10) ?: a->nr_vcpus;
	a->timed = t->ns;
	a->one_clock = has(t, STOPPED);
	for (i = 0; i < t->nr_rows && a->one_clock; i++)
		if (has(t, CYCLES) &&
		    t->rows[i].count[STOPPED] != t->rows[i].count[CYCLES])
			a->one_clock = false;
	for (i = 0; i < t->nr_rows; i++) {
		add_row(a, &a->family[family_of(&t->rows[i])], &t->rows[i]);
		add_row(a, &a->total, &t->rows[i]);
		if (has(t, STOPPED))
			stopped += t->rows[i].count[STOPPED];
	}
	/* If all exits together took no time, their time was not measured. */
	a->has_time = a->total.cost && t->tsc_khz;
	a->windows = marks_of_windows(a);

	/* The vCPUs existed at least while they were stopped. */
	a->vcpu_seconds = seconds(a, stopped);
	if (t->ns) {
		a->wall = t->ns / 1e9;
		a->vcpu_seconds = fmax(a->vcpu_seconds,
				       a->wall * (a->vcpus ?: 1));
	} else {
		/*
		 * If there was little sleep, the vCPUs ran for most of the time.  Then
		 * the stops do not tell how long it was.
		 */
		if (seconds(a, a->total.cost) > a->vcpu_seconds / 2)
			a->vcpu_seconds = 0;
		if (a->vcpus)
			a->wall = a->vcpu_seconds / a->vcpus;
	}
}

/* @rate is in exits, and @load in seconds, for each second of a vCPU. */
static bool few(double rate, double load)
{
	return rate < NORMAL_RATE && load < NORMAL_LOAD;
}

/* The row of HLT or its like with the most exits, or NULL. */
static const struct row *sleep_row(const struct advice *a)
{
	const struct row *idle = NULL, *r;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++) {
		r = &a->t->rows[i];
		if (family_of(r) == IDLE && r->count[EXITS] &&
		    (!idle || r->count[EXITS] > idle->count[EXITS]))
			idle = r;
	}
	return idle;
}

/* Whether the mean can hide one vCPU, because the time is that of several vCPUs. */
bool is_mean(const struct advice *a)
{
	return a->vcpus ? a->vcpus > 1 :
	       a->timed && a->vcpu_seconds > 1.01 * a->wall;
}

/* Whether the sleep is short, or its length unknown. */
bool short_sleep(const struct advice *a)
{
	const struct row *idle = sleep_row(a);
	double average;

	if (!idle)
		return false;
	if (!has(a->t, STOPPED) || !a->t->tsc_khz)
		return true;
	average = seconds(a, row_average(idle, STOPPED));
	if (!has(a->t, P50) || idle->count[P50] == UNKNOWN)
		return average < SHORT_SLEEP;
	/*
	 * A long average shows that a vCPU is idle.  If there are several vCPUs, the
	 * sleep of another one may still be short.
	 */
	return seconds(a, idle->count[P50]) < SHORT_SLEEP &&
	       (average < 4 * SHORT_SLEEP || is_mean(a));
}

/* Whether only one of several vCPUs can have many wake-ups. */
bool sleep_of_one(const struct advice *a)
{
	return is_mean(a) &&
	       a->family[IDLE].exits < SHORT_SLEEPS * a->vcpu_seconds;
}

static bool many_wakeups(const struct advice *a)
{
	return a->vcpu_seconds && has(a->t, STOPPED) && short_sleep(a) &&
	       a->family[IDLE].exits >= SHORT_SLEEPS * a->wall;
}

/* Whether no vCPU has many exits, as far as the table shows it. */
static bool few_for_one(const struct advice *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_vcpus; i++)
		if (!few(a->vcpu[i].exits / a->wall,
			 seconds(a, a->vcpu[i].cost) / a->wall))
			return false;
	return a->nr_vcpus || few(a->total.exits / a->wall,
				  cost_of_one(a, &a->total));
}

static enum verdict judge(const struct advice *a)
{
	double rate, load = cost_mean(a, &a->total);

	if (!a->vcpu_seconds)
		return UNSURE;
	rate = a->total.exits / a->vcpu_seconds;
	if (!a->has_time && rate < QUIET_RATE && is_mean(a) &&
	    a->total.exits >= NORMAL_RATE * a->wall)
		return MEAN;
	if (!a->has_time)
		return rate < QUIET_RATE ? FEW : UNSURE;
	if (!a->timed && (rate >= QUIET_RATE || load >= QUIET_LOAD))
		return MUCH;
	if (a->timed && !few(rate, load))
		return MUCH;
	if (is_mean(a) && !few_for_one(a))
		return MEAN;
	if (!a->timed || seconds(a, a->total.cost) >= STORM)
		return SINCE;
	if (!has(a->t, STOPPED))
		return HANDLED;
	if (many_wakeups(a))
		return WAKEUPS;
	return a->nr_stops ? STOPS : QUIET;
}

/* The row that costs most, the sleep left out. */
static const struct row *costliest(const struct advice *a)
{
	const struct table *t = a->t;
	const struct row *most = NULL;
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (family_of(&t->rows[i]) != IDLE &&
		    (!most || row_cost(a, &t->rows[i]) > row_cost(a, most)))
			most = &t->rows[i];
	return most;
}

/*
 * The share of the exits that a vCPU takes.  The perf events of the vCPUs also count
 * the exits of reading, so the whole is the sum of these events.
 */
static double share_of_vcpu(const struct advice *a, const struct vcpu *v)
{
	u64 all = 0;
	unsigned int i;

	for (i = 0; i < a->nr_vcpus; i++)
		all += a->vcpu[i].exits;
	return share(v->exits, all);
}

static void say_rate(struct advice *a)
{
	double rate, load = 100 * cost_mean(a, &a->total);

	if (!a->vcpu_seconds) {
		add_text(next_sentence(a), rate_unknown);
		return;
	}
	rate = a->total.exits / a->vcpu_seconds;
	if (!a->has_time)
		add_text(next_sentence(a), rate_alone, rate);
	else if (has(a->t, STOPPED) && a->timed)
		add_text(next_sentence(a), rate_stopped, rate, load);
	else if (has(a->t, STOPPED))
		add_text(next_sentence(a), rate_stopped_at_most, rate, load);
	else if (a->timed)
		add_text(next_sentence(a), rate_handled, rate, load);
	else
		add_text(next_sentence(a), rate_handled_at_most, rate, load);
}

/* After the mean of all vCPUs, say what is known of a single one. */
static void say_vcpus(struct advice *a)
{
	double one = cost_of_one(a, &a->total);

	if (!a->vcpus && a->vcpu_seconds)
		add_text(next_sentence(a), vcpus_unknown);
	if (!a->wall)
		return;
	if (!a->has_time) {
		if (is_mean(a))
			add_text(next_sentence(a), one_vcpu_rate,
				 a->total.exits / a->wall);
		return;
	}
	if (a->nr_vcpus)
		add_text(next_sentence(a), most_vcpu, a->vcpu->name,
			 share_of_vcpu(a, a->vcpu),
			 100 * fmin(1, seconds(a, a->vcpu->cost) / a->wall));
	else if (!a->vcpus && is_mean(a))
		add_text(next_sentence(a), one_vcpu_of_some,
			 100 * fmin(1, one));
	else if (is_mean(a) && one <= 1)
		add_text(next_sentence(a), one_vcpu, a->vcpus, 100 * one);
	else if (is_mean(a))
		add_text(next_sentence(a), few_vcpus, a->vcpus, one);
}

static void say_verdict(struct advice *a)
{
	static const char * const texts[] = {
		[MEAN] = verdict_mean,
		[FEW] = verdict_few,
		[SINCE] = verdict_since,
		[HANDLED] = verdict_handled,
		[WAKEUPS] = verdict_wakeups,
		[STOPS] = verdict_stops,
		[QUIET] = verdict_quiet,
	};
	const struct row *most = costliest(a);

	say_rate(a);
	say_vcpus(a);
	add_text(next_sentence(a), baseline);
	if (a->verdict == MEAN && a->nr_vcpus)
		add_text(next_sentence(a), verdict_vcpu);
	else if (a->verdict == SINCE && a->timed)
		add_text(next_sentence(a), verdict_long);
	else if (a->verdict > MUCH)
		add_text(next_sentence(a), "%s", texts[a->verdict]);
	if (a->verdict > FEW && most)
		add_text(next_sentence(a), most_of_little, most->name, most->name);
}

/* The longest stop of a row, or the bound of the last bucket that has one. */
static u64 longest(const struct table *t, const struct row *r)
{
	unsigned int i = t->nr_buckets;

	if (has(t, MAX) && r->count[MAX] != UNKNOWN)
		return r->count[MAX];
	while (i--)
		if (r->bucket[i])
			return t->bound[i] != UNKNOWN ? t->bound[i] :
			       i ? t->bound[i - 1] : 0;
	return 0;
}

static int by_length(const void *x, const void *y)
{
	const struct stop *a = x, *b = y;

	return (a->longest < b->longest) - (a->longest > b->longest);
}

/*
 * Find the rows with the longest stops of at least LATENCY.  Leave out HLT and its
 * like, in which an idle vCPU sleeps.
 */
static void find_stops(struct advice *a)
{
	struct stop found[MAX_STOPS + 1];
	const struct row *r;
	unsigned int i, n = 0;
	enum family f;

	for (i = 0; i < a->t->nr_rows && has(a->t, STOPPED); i++) {
		r = &a->t->rows[i];
		f = family_of(r);
		if (f == IDLE || f == MWAIT || !r->count[EXITS])
			continue;
		found[n].row = r;
		found[n].longest = longest(a->t, r);
		if (seconds(a, found[n].longest) < LATENCY)
			continue;
		n++;
		qsort(found, n, sizeof(found[0]), by_length);
		if (n > MAX_STOPS)
			n = MAX_STOPS;
	}
	memcpy(a->stop, found, n * sizeof(found[0]));
	a->nr_stops = n;
}

static bool is_often(const struct advice *a, const struct stop *s)
{
	return seconds(a, row_average(s->row, STOPPED)) >= OFTEN;
}

/* Whether a remark about the usual stops of the reason does not explain this stop. */
static bool is_unusual(const struct advice *a, const struct stop *s)
{
	return seconds(a, s->longest) >= LONG_STOP &&
	       s->longest >= UNUSUAL * row_average(s->row, STOPPED);
}

/* What is behind a long stop. */
enum blame { BLAME_MEMORY, BLAME_VMM, BLAME_EXCEPTION, BLAME_HOST, BLAMES };

static enum blame blame(const struct advice *a, const struct stop *s)
{
	enum family f = family_of(s->row);

	if (f == EXCEPTION && is_often(a, s))
		return BLAME_EXCEPTION;
	if ((f == MEMORY || f == MMIO || f == IO) && where(a, f) == IN_VMM)
		return BLAME_VMM;
	if (f == MEMORY && seconds(a, row_average(s->row, CYCLES)) >= SLOW_FAULT)
		return BLAME_MEMORY;
	return BLAME_HOST;
}

/*
 * Explain the long stops that no remark explains.  Unless the verdict is that the exits
 * cost little, leave out those that are neither very long nor long on average.
 */
static void explain_stops(struct advice *a)
{
	static const struct {
		const char *cause;
		const char *remedy;
	} texts[BLAMES] = {
		[BLAME_MEMORY] = { stops_memory, stops_memory_remedy },
		[BLAME_VMM] = { stops_vmm, stops_vmm_remedy },
		[BLAME_EXCEPTION] = { stops_exception, stops_exception_remedy },
		[BLAME_HOST] = { stops_host, stops_host_remedy },
	};
	char names[BLAMES][MAX_STOPS * (NAME_LEN + 2)] = {};
	unsigned int i, n = 0, explained = 0;
	char *name;

	for (i = 0; i < a->nr; i++)
		explained |= a->remark[i].families;
	for (i = 0; i < a->nr_stops; i++)
		if ((!(explained & 1u << family_of(a->stop[i].row)) ||
		     is_unusual(a, &a->stop[i])) &&
		    !(a->waits & 1u << family_of(a->stop[i].row)) &&
		    (a->verdict >= SINCE || is_often(a, &a->stop[i]) ||
		     seconds(a, a->stop[i].longest) >= LONG_STOP))
			a->stop[n++] = a->stop[i];
	a->nr_stops = n;
	if (!n)
		return;
	for (i = 0; i < n; i++) {
		name = names[blame(a, &a->stop[i])];
		if (*name)
			strcat(name, ", ");
		strcat(name, a->stop[i].row->name);
	}
	add_text(&a->stops.cause, stops_meaning);
	for (i = 0; i < BLAMES; i++) {
		if (!*names[i])
			continue;
		add_text(&a->stops.cause, "%s: %s", names[i], texts[i].cause);
		add_text(&a->stops.remedy, "%s", texts[i].remedy);
	}
	a->stops.source = *names[BLAME_MEMORY] ? stops_memory_source :
						 stops_source;
}

/**
 * remark_names() - whether a remark is about a row that is worth a name
 * @a: the advice
 * @r: the remark
 * @row: the row
 */
bool remark_names(const struct advice *a, const struct remark *r,
		  const struct row *row)
{
	return r->families & 1u << family_of(row) &&
	       (share(row->count[EXITS], a->total.exits) >= JOINED ||
		share(row_cost(a, row), a->total.cost) >= JOINED);
}

/* Whether a remark is about a row that the filter shows. */
static bool shows(const struct advice *a, const struct remark *r,
		  const regex_t *filter)
{
	const struct row *row;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++) {
		row = &a->t->rows[i];
		if (r->families & 1u << family_of(row) && row->count[EXITS] &&
		    row_matches(row, filter))
			return true;
	}
	return false;
}

static void remark_free(struct remark *r)
{
	free(r->cause);
	free(r->remedy);
}

/*
 * In a mean, a remark needs a cost that could hurt one vCPU.  Beside other remarks,
 * it needs a cost that is worth reading about.
 */
static bool is_worth(const struct advice *a, const struct remark *r, bool first)
{
	double one = cost_of_one(a, &r->sum);

	if (a->verdict == MEAN)
		return !few(r->sum.exits / a->wall, one);
	return first || a->verdict != MUCH || !a->timed || one >= NORMAL_LOAD;
}

static void select_remarks(struct advice *a, const regex_t *filter)
{
	unsigned int i, n = 0;
	struct remark *r;

	for (i = 0; i < a->nr; i++) {
		r = &a->remark[i];
		if (shows(a, r, filter) && is_worth(a, r, !n))
			a->remark[n++] = *r;
		else
			remark_free(r);
	}
	a->nr = n;
}

static int by_cost(const void *x, const void *y, void *arg)
{
	const struct sum *s = &((const struct remark *)x)->sum;
	const struct sum *t = &((const struct remark *)y)->sum;
	double a = seconds(arg, s->cost) + s->wake_ups;
	double b = seconds(arg, t->cost) + t->wake_ups;

	if (a != b)
		return a < b ? 1 : -1;
	return (s->exits < t->exits) - (s->exits > t->exits);
}

/* Whether the code that runs at the exit is what causes it. */
static bool guest_causes(enum family f)
{
	switch (f) {
	case DIRTY:
	case HOSTINT:
	case IDLE:
	case NMI:
	case WINDOW:
		return false;
	default:
		return true;
	}
}

static bool guest_causes_some(const struct advice *a, const regex_t *filter)
{
	const struct row *r;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++) {
		r = &a->t->rows[i];
		if (r->count[EXITS] && row_matches(r, filter) &&
		    guest_causes(family_of(r)))
			return true;
	}
	return false;
}

/* Whether a row is among the longest stops. */
static bool is_long(const struct advice *a, const struct row *r)
{
	unsigned int i;

	for (i = 0; i < a->nr_stops; i++)
		if (a->stop[i].row == r)
			return true;
	return false;
}

/*
 * Where to look for the code.  Samples come from the patched KVM and the module in
 * the guest, so not from Windows, and not from an encrypted guest, into which the
 * host injects no NMI.
 */
static void choose_commands(struct advice *a, const regex_t *filter)
{
	const struct row *r;
	unsigned int i;

	if (!*a->t->origin && a->verdict <= MEAN && !a->windows && !a->stuck &&
	    !a->family[ENCRYPTED].exits && guest_causes_some(a, filter))
		add_text(&a->in_guest, "%s", who_guest_command);
	for (i = 0; i < a->t->nr_rows && !a->host; i++) {
		r = &a->t->rows[i];
		if (family_of(r) == HOSTINT && row_matches(r, filter) &&
		    (a->verdict <= MEAN ?
		     share(r->count[EXITS], a->total.exits) >= 1 :
		     is_long(a, r)))
			a->host = r;
	}
	if (!a->host)
		return;
	add_text(&a->on_host, "%s", who_host_command);
	add_text(&a->on_host_means, "%s", who_host_meaning);
	if (strcmp(a->t->vendor, "AMD"))
		add_text(&a->on_host_means, "%s", who_host_vector);
}

/**
 * advice_make() - what to do about the exits, if anything
 * @t: the table; this sorts it by exits
 * @vcpu: its exits by vCPU, or NULL
 * @nr_vcpus: the number of these vCPUs
 * @filter: limits the remarks to reasons that match, or NULL
 *
 * Return: the advice, for advice_free().  It refers to the table and the vCPUs.
 */
struct advice *advice_make(struct table *t, const struct vcpu *vcpu,
			   unsigned int nr_vcpus, const regex_t *filter)
{
	struct advice *a = calloc(1, sizeof(*a));

	if (!a)
		errx(failed, "no memory");
	a->vcpu = vcpu;
	a->nr_vcpus = nr_vcpus;
	table_sort(t, SORT_EXITS, CYCLES, NULL);
	prepare(a, t);
	if (!a->total.exits)
		return a;
	find_stops(a);
	a->verdict = judge(a);
	say_verdict(a);
	if (a->verdict <= MEAN)
		make_remarks(a);
	else if (a->verdict == WAKEUPS)
		remark_idle(a);
	else if (a->verdict == SINCE)
		remark_clock(a);
	qsort_r(a->remark, a->nr, sizeof(a->remark[0]), by_cost, a);
	select_remarks(a, filter);
	explain_stops(a);
	choose_commands(a, filter);
	return a;
}

void advice_free(struct advice *a)
{
	unsigned int i;

	for (i = 0; i < a->nr_sentences; i++)
		free(a->sentence[i]);
	for (i = 0; i < a->nr; i++)
		remark_free(&a->remark[i]);
	remark_free(&a->stops);
	free(a->in_guest);
	free(a->on_host);
	free(a->on_host_means);
	free(a);
}
