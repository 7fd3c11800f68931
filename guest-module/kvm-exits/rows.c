// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exits of the samples, added up by what they have in common.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "who.h"

#define BUCKETS		8192
#define SHOWN_CODE	4	/* frames by which exits are told apart */

const char * const key_names[KEYS] = {
	[BY_REASON] = "reason",
	[BY_WHAT] = "what",
	[BY_PROCESS] = "process",
	[BY_CODE] = "code",
	[BY_CGROUP] = "cgroup",
	[BY_CPU] = "cpu",
	[BY_PID] = "pid",
};

static enum key keys[KEYS] = { BY_REASON, BY_WHAT, BY_PROCESS, BY_CODE };
static unsigned int nr_keys = 4;
static bool whole_chain;

struct entry {
	struct entry *next;
	char *text;
	struct who_row row;
};

static struct entry *entries[BUCKETS];
static unsigned int nr_entries;

/* The reasons that have samples, by the order of their first one. */
static s32 *reasons;
static unsigned int nr_reasons;

static void *checked(void *p)
{
	if (!p)
		errx(failed, "no memory");
	return p;
}

/* A list of keys with commas between them; false if it has another word. */
bool rows_parse_by(const char *list)
{
	char *copy = checked(strdup(list)), *save, *word;
	unsigned int i;

	nr_keys = 0;
	for (word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < KEYS && strcmp(word, key_names[i]); i++)
			;
		if (i == KEYS || nr_keys == KEYS)
			break;
		if (!rows_have(i))
			keys[nr_keys++] = i;
	}
	free(copy);
	return !word && nr_keys;
}

/* Flame graphs need rows by the whole call chain. */
void rows_by_chain(void)
{
	rows_parse_by("process,code,reason,what");
	whole_chain = true;
}

bool rows_have(enum key key)
{
	unsigned int i;

	for (i = 0; i < nr_keys; i++)
		if (keys[i] == key)
			return true;
	return false;
}

unsigned int rows_keys(enum key *list)
{
	memcpy(list, keys, nr_keys * sizeof(*keys));
	return nr_keys;
}

static const char *reason_name(const struct table *t, s32 reason)
{
	const struct row *r = table_row(t, reason);
	static char name[NAME_LEN];

	if (r)
		return r->name;
	snprintf(name, sizeof(name), "REASON_%d", reason);
	return name;
}

/*
 * A sample, as it is kept.  To name its code takes much longer than to find it, and
 * would cause exits of its own while others are sampled.
 */
struct kept {
	struct kept *next;
	s32 reason;
	pid_t pid;
	u32 cpu;
	bool hidden;
	u64 detail;
	u64 exits;
	u64 cgroup;
	char *process;
	unsigned int nr;
	struct frame frame[];
};

static struct kept *kept;

/* Keep a sample until rows_finish(). */
void rows_add(const struct sample *s)
{
	struct kept *k = checked(calloc(1, sizeof(*k) +
					s->nr_ips * sizeof(*k->frame)));

	k->reason = s->reason;
	k->pid = s->pid;
	k->cpu = s->cpu;
	k->hidden = s->hidden;
	k->detail = s->detail;
	k->exits = s->exits;
	k->cgroup = s->cgroup;
	k->process = checked(strdup(task_name(s->pid, s->tid)));
	/* The chain ends at the first frame that is wrong. */
	while (rows_have(BY_CODE) && k->nr < s->nr_ips &&
	       (frame_find(&k->frame[k->nr], s, k->nr) || !k->nr))
		k->nr++;
	k->next = kept;
	kept = k;
}

static char **make_chain(struct kept *s, unsigned int *nr)
{
	char **chain = checked(calloc(s->nr + 1, sizeof(*chain)));
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		chain[i] = checked(strdup(frame_name(&s->frame[i])));
	*nr = s->nr;
	return chain;
}

static void free_chain(char **chain, unsigned int nr)
{
	while (nr)
		free(chain[--nr]);
	free(chain);
}

static char *join_chain(char **chain, unsigned int nr)
{
	size_t size = 1;
	unsigned int i;
	char *text;

	if (!whole_chain && nr > SHOWN_CODE)
		nr = SHOWN_CODE;
	for (i = 0; i < nr; i++)
		size += strlen(chain[i]) + 3;
	text = checked(calloc(size, 1));
	for (i = 0; i < nr; i++) {
		if (i)
			strcat(text, " < ");
		strcat(text, chain[i]);
	}
	return text;
}

static char *make_text(enum key key, const struct kept *s,
		       const struct table *t, char **chain, unsigned int nr)
{
	char what[WHAT_LEN], *text = NULL;

	switch (key) {
	case BY_REASON:
		return checked(strdup(reason_name(t, s->reason)));
	case BY_WHAT:
		return checked(strdup(s->hidden ? "" :
			decode(what, reason_name(t, s->reason), s->detail)));
	case BY_PROCESS:
		return checked(strdup(s->process));
	case BY_CODE:
		return join_chain(chain, nr);
	case BY_CGROUP:
		return checked(strdup(cgroup_name(s->cgroup)));
	case BY_CPU:
		if (asprintf(&text, "%u", s->cpu) < 0)
			text = NULL;
		return checked(text);
	default:
		if (asprintf(&text, "%d", s->pid) < 0)
			text = NULL;
		return checked(text);
	}
}

static unsigned int hash(const char *s)
{
	unsigned int h = 5381;

	while (*s)
		h = h * 33 + (unsigned char)*s++;
	return h % BUCKETS;
}

/* @text has all that tells rows apart. */
static struct entry *find_entry(const char *text)
{
	struct entry **at = &entries[hash(text)], *e;

	for (e = *at; e; e = e->next)
		if (!strcmp(e->text, text))
			return e;
	e = checked(calloc(1, sizeof(*e)));
	e->text = checked(strdup(text));
	e->next = *at;
	*at = e;
	nr_entries++;
	return e;
}

static unsigned int reason_index(s32 reason)
{
	unsigned int i;

	for (i = 0; i < nr_reasons; i++)
		if (reasons[i] == reason)
			return i;
	reasons = checked(reallocarray(reasons, nr_reasons + 1, sizeof(*reasons)));
	reasons[nr_reasons] = reason;
	return nr_reasons++;
}

/* The length of the array by_reason of a row.  No vendor has as many reasons. */
#define MAX_REASONS	512

static void count(struct who_row *r, const struct kept *s)
{
	unsigned int i = reason_index(s->reason);

	if (!r->by_reason)
		r->by_reason = checked(calloc(MAX_REASONS, sizeof(u64)));
	if (i < MAX_REASONS)
		r->by_reason[i] += s->exits;
	r->exits += s->exits;
	r->samples++;
}

static void add_up(struct kept *s, const struct table *t)
{
	char *text[KEYS] = {}, **chain = NULL, *all;
	unsigned int i, nr = 0;
	size_t size = 1;
	struct entry *e;

	if (rows_have(BY_CODE))
		chain = make_chain(s, &nr);
	for (i = 0; i < nr_keys; i++) {
		text[keys[i]] = make_text(keys[i], s, t, chain, nr);
		size += strlen(text[keys[i]]) + 1;
	}
	all = checked(calloc(size, 1));
	for (i = 0; i < nr_keys; i++) {
		strcat(all, text[keys[i]]);
		strcat(all, "\n");
	}
	e = find_entry(all);
	free(all);
	if (!e->row.samples) {
		memcpy(e->row.text, text, sizeof(text));
		e->row.code = chain;
		e->row.nr_code = nr;
	} else {
		for (i = 0; i < nr_keys; i++)
			free(text[keys[i]]);
		free_chain(chain, nr);
	}
	count(&e->row, s);
}

/* Assume that each exit took the average time of all exits of its reason. */
static void estimate(struct who_row *r, const struct table *delta)
{
	enum count clock = table_clock(delta);
	const struct row *reason;
	unsigned int i;

	r->seconds = clock == EXITS || !delta->tsc_khz ? NAN : 0;
	for (i = 0; i < nr_reasons && i < MAX_REASONS; i++) {
		if (!r->by_reason[i])
			continue;
		reason = table_row(delta, reasons[i]);
		if (reason && reason->count[EXITS])
			r->seconds += r->by_reason[i] *
				      row_average(reason, clock) /
				      (1000.0 * delta->tsc_khz);
	}
}

static int by_cost(const void *a, const void *b)
{
	const struct who_row *x = *(struct who_row * const *)a;
	const struct who_row *y = *(struct who_row * const *)b;

	if (x->seconds != y->seconds && !isnan(x->seconds))
		return x->seconds < y->seconds ? 1 : -1;
	return (x->exits < y->exits) - (x->exits > y->exits);
}

/**
 * rows_finish() - make rows of the samples, the most costly first
 * @t: a table, for the names of the reasons
 * @delta: the counts of the interval
 * @list: set to the rows
 *
 * Return: their number.
 */
unsigned int rows_finish(const struct table *t, const struct table *delta,
			 struct who_row ***list)
{
	struct who_row **row;
	unsigned int i, n = 0;
	struct entry *e;

	for (; kept; kept = kept->next)
		add_up(kept, t);
	row = checked(calloc(nr_entries + 1, sizeof(*row)));

	for (i = 0; i < BUCKETS; i++) {
		for (e = entries[i]; e; e = e->next) {
			estimate(&e->row, delta);
			row[n++] = &e->row;
		}
	}
	qsort(row, n, sizeof(*row), by_cost);
	*list = row;
	return n;
}
