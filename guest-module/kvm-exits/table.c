// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table that the file holds: reading it, and what lies between two reads.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kvm-exits.h"

#define MAX_WORDS	64

static const char * const kinds[] = {
	[TABLE] = "kvm_exits",
	[HISTOGRAM] = "kvm_exits_histogram",
};

static const char * const count_names[COUNTS] = {
	[EXITS] = "exits",
	[CYCLES] = "cycles",
	[STOPPED] = "stopped_cycles",
	[MAX] = "max_cycles",
	[P50] = "p50",
	[P99] = "p99",
	[P999] = "p99.9",
};

/* Which field of a row each word of a line is. */
struct columns {
	enum file kind;
	unsigned int nr;
	int field[MAX_WORDS];
	int reason;
	int name;
};

#define NO_FIELD	(-1)

/* Fields are the counts and then the buckets. */
static u64 *row_field(struct row *r, int field)
{
	return field < COUNTS ? &r->count[field] : &r->bucket[field - COUNTS];
}

static unsigned int split(char *line, char *word[MAX_WORDS])
{
	unsigned int n = 0;
	char *save, *w;

	for (w = strtok_r(line, " \t\n", &save); w && n < MAX_WORDS;
	     w = strtok_r(NULL, " \t\n", &save))
		word[n++] = w;
	return n;
}

static bool number(const char *s, u64 max, u64 *val)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*val = strtoull(s, &end, 10);
	return !errno && !*end && *val <= max;
}

static bool number32(const char *s, u32 *val)
{
	u64 v;

	if (!number(s, UINT_MAX, &v))
		return false;
	*val = v;
	return true;
}

/* Names go into JSON, CSV and labels as they are, so only plain ones do. */
static bool word_copy(char name[NAME_LEN], const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (i == NAME_LEN - 1 ||
		    !(isalnum((unsigned char)s[i]) || s[i] == '_'))
			return false;
	memcpy(name, s, i + 1);
	return i > 0;
}

static int parse_column(struct table *t, const char *word)
{
	u64 bound = UNKNOWN;
	int i;

	for (i = 0; i < COUNTS; i++) {
		if (!strcmp(word, count_names[i])) {
			t->columns |= 1u << i;
			return i;
		}
	}
	if (t->nr_buckets == MAX_BUCKETS ||
	    (strcmp(word, "inf") && !number(word, UNKNOWN - 1, &bound)))
		return NO_FIELD;
	t->bound[t->nr_buckets] = bound;
	return COUNTS + t->nr_buckets++;
}

static bool parse_columns(struct table *t, struct columns *c, char **word,
			  unsigned int n)
{
	enum count time = c->kind == TABLE ? CYCLES : STOPPED;
	unsigned int i;

	c->nr = n;
	c->reason = NO_FIELD;
	c->name = NO_FIELD;
	for (i = 0; i < n; i++) {
		c->field[i] = parse_column(t, word[i]);
		if (!strcmp(word[i], "reason"))
			c->reason = i;
		if (!strcmp(word[i], "name"))
			c->name = i;
	}
	return c->reason != NO_FIELD && c->name != NO_FIELD && has(t, EXITS) &&
	       has(t, time);
}

static bool parse_header(struct table *t, struct columns *c, char **word,
			 unsigned int n)
{
	if (n && !strcmp(word[0], "reason"))
		return parse_columns(t, c, word, n);
	if (n != 2)
		return true;
	if (!strcmp(word[0], "vendor"))
		return word_copy(t->vendor, word[1]);
	if (!strcmp(word[0], "tsc_khz"))
		return number32(word[1], &t->tsc_khz);
	if (!strcmp(word[0], "generation"))
		return number32(word[1], &t->generation);
	if (!strcmp(word[0], "exits_per_read"))
		return number32(word[1], &t->exits_per_read);
	return true;
}

static struct row *new_row(struct table *t)
{
	unsigned int n = t->nr_rows;

	/* Doubled whenever it is full. */
	if (!(n & (n - 1))) {
		t->rows = reallocarray(t->rows, n ? 2 * n : 1, sizeof(*t->rows));
		if (!t->rows)
			errx(EXIT_FAILURE, "no memory");
	}
	t->nr_rows++;
	return &t->rows[n];
}

static bool parse_row(struct table *t, const struct columns *c, char **word,
		      unsigned int n)
{
	struct row *r = &t->total;
	unsigned int i;

	if (!c->nr || n != c->nr)
		return false;

	if (strcmp(word[c->reason], "-")) {
		r = new_row(t);
		if (!number32(word[c->reason], &r->reason))
			return false;
	}
	if (!word_copy(r->name, word[c->name]))
		return false;

	for (i = 0; i < COUNTS; i++)
		r->count[i] = UNKNOWN;
	for (i = 0; i < n; i++) {
		if (c->field[i] == NO_FIELD)
			continue;
		/* A percentile may be unknown. */
		if (c->field[i] >= P50 && c->field[i] < COUNTS &&
		    !strcmp(word[i], "-"))
			continue;
		if (!number(word[i], UNKNOWN - 1, row_field(r, c->field[i])))
			return false;
	}
	return true;
}

static bool parse_version(struct table *t, enum file kind, char **word,
			  unsigned int n, const char *path)
{
	u32 version;

	if (n != 4 || strcmp(word[0], "#") || strcmp(word[1], kinds[kind]) ||
	    strcmp(word[2], "version") || !number32(word[3], &version)) {
		snprintf(t->error, sizeof(t->error), "%s: not a table of %s",
			 path, kinds[kind]);
		return false;
	}
	if (version != TABLE_VERSION) {
		snprintf(t->error, sizeof(t->error),
			 "%s: version %u, but only version %u is known here",
			 path, version, TABLE_VERSION);
		return false;
	}
	return true;
}

static void cannot_read(struct table *t, const char *path)
{
	const char *why = "";

	t->errnum = errno;
	if (errno == ENOENT && !strcmp(path, PROC_TABLE))
		why = ": the module kvm_exits is not loaded";
	else if (errno == ENODEV)
		why = ": the host does not count exits";
	snprintf(t->error, sizeof(t->error), "%s: %s%s", path, strerror(errno),
		 why);
}

static bool parse(struct table *t, enum file kind, FILE *f, const char *path)
{
	struct columns columns = { .kind = kind };
	char *word[MAX_WORDS], *line = NULL;
	unsigned int n, nr = 0;
	size_t size = 0;
	bool ok = true;

	errno = 0;
	while (ok && getline(&line, &size, f) > 0) {
		n = split(line, word);
		nr++;
		if (nr == 1)
			ok = parse_version(t, kind, word, n, path);
		else if (n && !strcmp(word[0], "#"))
			ok = parse_header(t, &columns, word + 1, n - 1);
		else
			ok = parse_row(t, &columns, word, n);
	}
	free(line);

	if (!ok && !*t->error)
		snprintf(t->error, sizeof(t->error),
			 "%s: line %u is not understood", path, nr);
	else if (ferror(f))
		cannot_read(t, path);
	else if (ok && (!*t->total.name || (kind == TABLE && !t->nr_rows)))
		snprintf(t->error, sizeof(t->error),
			 "%s: not a whole table of %s", path, kinds[kind]);
	return !*t->error;
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/**
 * interval_end() - when the interval of now ends
 * @last: the end of one before
 * @ns: how long each takes
 *
 * Those that passed while nobody looked, the program stopped or its reader slow,
 * are not made up for: the intervals would be empty but for the cost of reading.
 */
u64 interval_end(u64 last, u64 ns)
{
	u64 now = now_ns();

	return last + ns + (now > last ? (now - last) / ns * ns : 0);
}

/**
 * table_read() - read a table
 * @t: where to; it must be zeroed or hold a table, which is then freed
 * @kind: what it must be
 * @path: the file
 *
 * Return: true, or false with a message of one line in t->error and, if the
 * system refused it, the reason in t->errnum.
 */
bool table_read(struct table *t, enum file kind, const char *path)
{
	bool ok;
	FILE *f;

	table_free(t);
	f = fopen(path, "re");
	if (!f) {
		cannot_read(t, path);
		return false;
	}
	t->ns = now_ns();
	ok = parse(t, kind, f, path);
	fclose(f);
	return ok;
}

void table_read_or_die(struct table *t, enum file kind, const char *path)
{
	if (!table_read(t, kind, path))
		errx(EXIT_FAILURE, "%s", t->error);
}

void table_free(struct table *t)
{
	free(t->rows);
	*t = (struct table) {};
}

void table_copy(struct table *t, const struct table *from)
{
	size_t size = from->nr_rows * sizeof(*t->rows);

	table_free(t);
	*t = *from;
	t->rows = malloc(size);
	if (!t->rows)
		errx(EXIT_FAILURE, "no memory");
	memcpy(t->rows, from->rows, size);
}

/**
 * table_row() - find a reason
 * @t: the table, in any order
 * @reason: the reason
 *
 * Return: its row, or NULL.
 */
const struct row *table_row(const struct table *t, u32 reason)
{
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].reason == reason)
			return &t->rows[i];
	return NULL;
}

static bool row_subtract(struct row *r, const struct row *then,
			 unsigned int columns)
{
	unsigned int i;

	for (i = 0; i < COUNTS; i++) {
		if (!(columns & 1u << i))
			r->count[i] = UNKNOWN;
		else if (then && r->count[i] < then->count[i])
			return false;
		else if (then)
			r->count[i] -= then->count[i];
	}
	return true;
}

/*
 * The exits of reading are known exactly.  Their cycles are not: they are
 * taken to be as long as the interval's other exits for CPUID.
 */
static void take_out(struct table *d, u64 read_exits)
{
	u64 exits, out;
	unsigned int i, c;
	struct row *r;

	for (i = 0; i < d->nr_rows; i++)
		if (!strcmp(d->rows[i].name, "CPUID"))
			break;
	if (i == d->nr_rows)
		return;

	r = &d->rows[i];
	exits = r->count[EXITS];
	if (read_exits > exits)
		read_exits = exits;
	if (!read_exits)
		return;

	for (c = 0; c < COUNTS; c++) {
		if (!has(d, c))
			continue;
		out = r->count[c] / exits * read_exits +
		      r->count[c] % exits * read_exits / exits;
		r->count[c] -= out;
		d->total.count[c] -= out;
	}
	d->read_exits = read_exits;
}

/**
 * table_delta() - what was counted between two reads
 * @d: where to; it must be zeroed or hold a table, which is then freed
 * @then: the earlier read
 * @now: the later read
 * @read_exits: exits for CPUID that reading cost meanwhile
 *
 * Between two reads lies the cost of the first one: each begins with the
 * snapshot, which counts itself.
 *
 * Return: false if the counts began anew meanwhile; nothing is known then.
 */
bool table_delta(struct table *d, const struct table *then,
		 const struct table *now, u64 read_exits)
{
	const struct row *r;
	unsigned int i;

	table_copy(d, now);
	/* MAX and what follows cannot be told for an interval. */
	d->columns = then->columns & now->columns & ((1u << MAX) - 1);
	d->ns = now->ns - then->ns;

	if (then->generation != now->generation ||
	    strcmp(then->vendor, now->vendor))
		return false;

	/* A row is there while its reason is defined or has been counted. */
	for (i = 0; i < then->nr_rows; i++)
		if (then->rows[i].count[EXITS] &&
		    !table_row(now, then->rows[i].reason))
			return false;
	for (i = 0; i < d->nr_rows; i++) {
		r = table_row(then, d->rows[i].reason);
		if (!row_subtract(&d->rows[i], r, d->columns))
			return false;
	}
	if (!row_subtract(&d->total, &then->total, d->columns))
		return false;

	take_out(d, read_exits);
	return true;
}

/* How to compare rows. */
struct order {
	enum sort key;
	enum count clock;
	const struct table *tie;
};

static int row_order(const struct row *x, const struct row *y,
		     const struct order *o)
{
	double vx = 0, vy = 0;

	switch (o->key) {
	case SORT_NAME:
		return strcmp(x->name, y->name);
	case SORT_TIME:
		vx = x->count[o->clock];
		vy = y->count[o->clock];
		break;
	case SORT_AVERAGE:
		vx = row_average(x, o->clock);
		vy = row_average(y, o->clock);
		break;
	case SORT_EXITS:
		break;
	}
	if (vx == vy) {
		vx = x->count[EXITS];
		vy = y->count[EXITS];
	}
	return (vx < vy) - (vx > vy);
}

static int row_compare(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct order *o = arg;
	int n = row_order(x, y, o);

	if (!n && o->tie)
		n = row_order(table_row(o->tie, x->reason),
			      table_row(o->tie, y->reason), o);
	if (!n)
		n = x->reason < y->reason ? -1 : 1;
	return n;
}

/**
 * table_sort() - order the rows, the largest first
 * @t: the table
 * @key: by what
 * @clock: what time is: CYCLES or STOPPED
 * @tie: a table with the same reasons, which decides between equal rows, or
 *       NULL
 */
void table_sort(struct table *t, enum sort key, enum count clock,
		const struct table *tie)
{
	struct order o = { key, clock, tie };

	qsort_r(t->rows, t->nr_rows, sizeof(*t->rows), row_compare, &o);
}
