// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parser of the files that hold a table or its histograms.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define MAX_WORDS	64
#define MAX_TEXT	(4u << 20)	/* more than MAX_ROWS of either file */
#define MAX_ROWS	1024		/* the kernel has at most 256 */

static const char * const kinds[] = {
	[TABLE] = "kvm_exits",
	[HISTOGRAM] = "kvm_exits_histogram",
};

const char * const count_names[COUNTS] = {
	[EXITS] = "exits",
	[CYCLES] = "cycles",
	[STOPPED] = "stopped_cycles",
	[MAX] = "max_cycles",
	[P50] = "p50",
	[P99] = "p99",
	[P999] = "p99.9",
};

const struct fact facts[] = {
	{ "guest_clocksource", offsetof(struct facts, clocksource) },
	{ "guest_apic", offsetof(struct facts, apic) },
	{ "guest_nmi_watchdog", offsetof(struct facts, nmi_watchdog) },
	{ "guest_runs_guests", offsetof(struct facts, nested) },
	{ "guest_pv_features", offsetof(struct facts, pv_features) },
	{ "guest_cpus", offsetof(struct facts, cpus) },
};

const unsigned int nr_facts = ARRAY_SIZE(facts);

/* The field of a row that each word of a line belongs to. */
struct columns {
	enum file kind;
	unsigned int nr;
	int field[MAX_WORDS];
	int reason;
	int name;
};

#define NO_FIELD	(-1)

/* The fields are the counts and then the buckets. */
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

/*
 * Names are printed into JSON, CSV and labels unchanged.  A character that
 * would need quotes there becomes '_', so that a new name never makes a table
 * invalid.
 */
void word_copy(char name[NAME_LEN], const char *s)
{
	size_t i;

	for (i = 0; s[i] && i < NAME_LEN - 1; i++)
		name[i] = isalnum((unsigned char)s[i]) ? s[i] : '_';
	name[i] = '\0';
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
	return c->reason != NO_FIELD && c->name != NO_FIELD && has(t, EXITS);
}

static bool parse_header(struct table *t, struct columns *c, char **word,
			 unsigned int n)
{
	unsigned int i;

	if (n && !strcmp(word[0], "reason"))
		return parse_columns(t, c, word, n);
	if (n != 2)
		return true;
	for (i = 0; i < nr_facts; i++)
		if (!strcmp(word[0], facts[i].key))
			word_copy((char *)&t->facts + facts[i].offset, word[1]);
	if (!strcmp(word[0], "vendor"))
		word_copy(t->vendor, word[1]);
	if (!strcmp(word[0], "source"))
		word_copy(t->origin, word[1]);
	t->saved |= !strcmp(word[0], "wall_time");
	if (!strcmp(word[0], "unit"))
		t->in_ns = !strcmp(word[1], "ns");
	if (!strcmp(word[0], "tsc_khz"))
		return number32(word[1], &t->tsc_khz);
	if (!strcmp(word[0], "generation"))
		return number32(word[1], &t->generation);
	if (!strcmp(word[0], "exits_per_read"))
		return number32(word[1], &t->exits_per_read);
	if (!strcmp(word[0], "monotonic_nanoseconds"))
		return number(word[1], UNKNOWN - 1, &t->ns);
	if (!strcmp(word[0], "wall_nanoseconds"))
		return number(word[1], UNKNOWN - 1, &t->wall_ns);
	if (!strcmp(word[0], "steal_nanoseconds"))
		return number(word[1], UNKNOWN - 1, &t->steal_ns);
	if (!strcmp(word[0], "nanoseconds"))
		return number(word[1], UNKNOWN - 1, &t->span_ns);
	if (!strcmp(word[0], "missing_nanoseconds"))
		return number(word[1], UNKNOWN - 1, &t->missing_ns);
	if (!strcmp(word[0], "resets"))
		return number32(word[1], &t->resets);
	if (!strcmp(word[0], "uptime_nanoseconds"))
		return number(word[1], UNKNOWN - 1, &t->uptime_ns);
	return true;
}

/* A row for a reason that the table does not have yet, or NULL. */
struct row *table_new_row(struct table *t, u32 reason)
{
	unsigned int n = t->nr_rows;

	if (n == MAX_ROWS || table_row(t, reason))
		return NULL;
	/* The room doubles when it is full. */
	if (!(n & (n - 1))) {
		t->rows = reallocarray(t->rows, n ? 2 * n : 1, sizeof(*t->rows));
		if (!t->rows)
			errx(failed, "no memory");
	}
	t->nr_rows++;
	t->rows[n] = (struct row) { .reason = reason };
	return &t->rows[n];
}

static bool parse_row(struct table *t, const struct columns *c, char **word,
		      unsigned int n)
{
	struct row *r = &t->total;
	unsigned int i;
	u32 reason;

	if (!c->nr || n != c->nr)
		return false;

	if (!strcmp(word[c->reason], "-"))
		r = *r->name ? NULL : r;
	else if (number32(word[c->reason], &reason))
		r = table_new_row(t, reason);
	else
		r = NULL;
	if (!r)
		return false;
	word_copy(r->name, word[c->name]);
	for (i = 0; i < COUNTS; i++)
		r->count[i] = UNKNOWN;
	for (i = 0; i < n; i++) {
		if (c->field[i] == NO_FIELD)
			continue;
		/* Only the exits are always known. */
		if (c->field[i] > EXITS && c->field[i] < COUNTS &&
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
			 "%s: version %u of the table, but this program reads version %u: use a newer kvm-exits",
			 path, version, TABLE_VERSION);
		return false;
	}
	return true;
}

static void cannot_read(struct table *t, const char *path)
{
	const char *name = strrchr(path, '/'), *why = "";

	t->errnum = errno;
	if (errno == ENOENT && !strcmp(path, PROC_TABLE))
		why = ": the module kvm_exits is not loaded: see kvm-exits check";
	else if (errno == EACCES && !strcmp(path, PROC_TABLE))
		why = ": only root and its group may read it: see kvm-exits check";
	else if (errno == ENOENT && name && !strcmp(name, "/exit_stats"))
		why = ": this host's KVM is not the patched one: see kvm-exits check";
	else if (errno == ENODEV)
		why = ": the host does not count exits: see kvm-exits check";
	snprintf(t->error, sizeof(t->error), "%s: %s%s", path, strerror(errno),
		 why);
}

/*
 * A table that was cut between two lines looks whole.  So does one that begins with
 * one read and ends with another.  But only in a whole table do the rows add up to
 * the total.
 */
static bool adds_up(const struct table *t)
{
	u64 sum[STOPPED + 1] = {};
	unsigned int i, c;

	for (i = 0; i < t->nr_rows; i++)
		for (c = 0; c <= STOPPED; c++)
			sum[c] += t->rows[i].count[c];
	for (c = 0; c <= STOPPED; c++)
		if (has(t, c) && sum[c] != t->total.count[c])
			return false;
	return true;
}

/* If a column has no total, the host does not measure this time. */
static void drop_unknown(struct table *t)
{
	unsigned int i, c;

	for (c = CYCLES; c <= MAX; c++) {
		if (!has(t, c) || t->total.count[c] != UNKNOWN)
			continue;
		t->columns &= ~(1u << c);
		for (i = 0; i < t->nr_rows; i++)
			t->rows[i].count[c] = UNKNOWN;
	}
}

static bool parse_kind(struct table *t, enum file kind, char *text,
		       const char *path)
{
	struct columns columns = { .kind = kind };
	char *word[MAX_WORDS], *line;
	unsigned int n, nr = 0;
	bool ok = true;

	while (ok && (line = strsep(&text, "\n")) && (text || *line)) {
		n = split(line, word);
		nr++;
		if (nr == 1)
			ok = parse_version(t, kind, word, n, path);
		else if (n && !strcmp(word[0], "#"))
			ok = parse_header(t, &columns, word + 1, n - 1);
		else
			ok = parse_row(t, &columns, word, n);
	}

	drop_unknown(t);
	if (!ok && !*t->error)
		snprintf(t->error, sizeof(t->error),
			 "%s: line %u is not understood", path, nr);
	else if (ok && (!*t->vendor || !*t->total.name ||
			(kind == TABLE && !t->nr_rows)))
		snprintf(t->error, sizeof(t->error),
			 "%s: not a whole table of %s: copy it again", path, kinds[kind]);
	else if (ok && !adds_up(t))
		snprintf(t->error, sizeof(t->error),
			 "%s: not a whole table, the rows do not add up to the total: copy it again",
			 path);
	return !*t->error;
}

#define BLANKS	" \t\r\n"

/* The text is no tool's table: name its first line that is not blank. */
static bool refuse_text(struct table *t, const char *text, const char *path)
{
	const char *start = text + strspn(text, BLANKS);
	unsigned int nr = 1;

	for (; text < start; text++)
		nr += *text == '\n';
	snprintf(t->error, sizeof(t->error),
		 "%s: not a table of kvm_exits, perf kvm stat, kvmexit, kvm_stat or ftrace: line %u is %.*s",
		 path, nr, (int)strcspn(start, "\r\n"), start);
	return false;
}

/**
 * table_parse() - make a table of text
 * @t: the result, zeroed except for its times
 * @kind: the kind of file
 * @text: the text; it is changed
 * @path: its name for messages
 *
 * The form of kvm-exits itself is that of /proc/kvm_exits, of debugfs and of saved
 * tables.  The other forms are in foreign.c.
 *
 * Return: true, or false with a message in t->error.
 */
bool table_parse(struct table *t, enum file kind, char *text, const char *path)
{
	unsigned int i;

	if (kind != TABLE || !strncmp(text, "# kvm_exits ", 12))
		return parse_kind(t, kind, text, path);
	for (i = 0; i < nr_foreign_formats; i++)
		if (foreign_formats[i]->matches(text))
			return foreign_formats[i]->parse(t, text, path);
	if (text[strspn(text, BLANKS)])
		return refuse_text(t, text, path);
	if (!*text) {
		snprintf(t->error, sizeof(t->error),
			 "%s: is empty: make the table again", path);
		return false;
	}
	return parse_kind(t, kind, text, path);
}

/**
 * read_text() - read a file
 * @t: gets the message if it fails
 * @path: the file
 * @max: a larger file is none of ours
 *
 * Return: the whole file as a string, or NULL.
 */
char *read_text(struct table *t, const char *path, size_t max)
{
	size_t size = 0, room = 1u << 16;
	char *text = malloc(room);
	ssize_t n = 1;
	int fd;

	if (!text)
		errx(failed, "no memory");
	run_allow(true);
	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR && !run_ended());
	while (fd >= 0 && size < max) {
		if (size == room - 1) {
			room *= 2;
			text = realloc(text, room);
			if (!text)
				errx(failed, "no memory");
		}
		n = read(fd, text + size, room - 1 - size);
		if (n < 0 && errno == EINTR && !run_ended())
			continue;
		if (n <= 0)
			break;
		size += n;
	}
	if (fd < 0 || n < 0)
		cannot_read(t, path);
	else if (size >= 8 && !memcmp(text, "PERFILE2", 8))
		snprintf(t->error, sizeof(t->error),
			 "%s: is a file of perf record: give what perf kvm stat report prints",
			 path);
	else if (size >= max || memchr(text, 0, size))
		snprintf(t->error, sizeof(t->error),
			 "%s: not a table of kvm_exits", path);
	run_allow(false);
	if (fd >= 0)
		close(fd);
	if (!*t->error) {
		text[size] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

/**
 * table_read() - read a table
 * @t: the result; it must be zeroed or hold a table, which is freed
 * @kind: the kind of file
 * @path: the file
 *
 * Return: true, or false with a message of one line in t->error and, if a
 * system call failed, its errno in t->errnum.
 */
bool table_read(struct table *t, enum file kind, const char *path)
{
	char *text;
	bool ok;

	if (!strcmp(path, "-"))
		path = "/dev/stdin";
	table_free(t);
	t->ns = now_ns();
	t->wall_ns = wall_ns();
	t->steal_ns = UNKNOWN;
	text = read_text(t, path, MAX_TEXT);
	ok = text && table_parse(t, kind, text, path);
	free(text);
	return ok;
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
		errx(failed, "no memory");
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
