// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits record: a series of reads in one file, and its replay.
 *
 * The file is a line with its version, and then the tables of all reads, with
 * their times and histograms.  As a source it gives one table for each read.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "program.h"

#define RECORD_VERSION	1
#define FIRST_WORDS	"# kvm_exits_record version "
#define MAX_RECORD	1000000000	/* bytes */

/* The first line of each table. */
static const char separator[] = "# kvm_exits version ";

/* A FIFO, or a file of the kernel, whose size is 0, is no record: do not read it. */
bool is_record(const char *path)
{
	char line[sizeof(FIRST_WORDS)] = "";
	struct stat st;
	bool is;
	FILE *f;

	if (stat(path, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	is = fgets(line, sizeof(line), f) && !strcmp(line, FIRST_WORDS);
	fclose(f);
	return is;
}

/* Find the first table; false with a message in @t. */
static bool find_first(struct record *r, struct table *t)
{
	int version = 0;

	if (sscanf(r->text, FIRST_WORDS "%d", &version) != 1 ||
	    version != RECORD_VERSION) {
		snprintf(t->error, sizeof(t->error),
			 "%s: version %d of the record, but this program reads version %d: use a newer kvm-exits",
			 r->path, version, RECORD_VERSION);
		return false;
	}
	r->next = strstr(r->text, separator);
	if (!r->next)
		snprintf(t->error, sizeof(t->error),
			 "%s: the record is empty: record again", r->path);
	return r->next;
}

/**
 * record_open() - begin to read a record
 * @r: the result
 * @path: the file
 * @t: gets the message if it fails
 *
 * Return: false if it is not a record or cannot be read.
 */
bool record_open(struct record *r, const char *path, struct table *t)
{
	*r = (struct record) { .path = path };
	if (!is_record(path)) {
		snprintf(t->error, sizeof(t->error),
			 "%s: not a record: kvm-exits record makes one", path);
		return false;
	}
	r->text = read_text(t, path, MAX_RECORD);
	return r->text && find_first(r, t);
}

void record_close(struct record *r)
{
	free(r->text);
	*r = (struct record) {};
}

/**
 * record_read() - the next table of a record
 * @r: the record
 * @t: the result; it must be zeroed or hold a table, which is freed
 *
 * The last table can be cut, if the machine failed while it was written.
 *
 * Return: false with a message in @t.
 */
bool record_read(struct record *r, struct table *t)
{
	char *text = r->next;

	table_free(t);
	if (!text) {
		snprintf(t->error, sizeof(t->error), "%s: the record ends",
			 r->path);
		return false;
	}
	r->next = strstr(text + 1, separator);
	if (r->next)
		r->next[-1] = '\0';
	t->steal_ns = UNKNOWN;
	if (!table_parse(t, TABLE, text, r->path))
		return false;
	if (!*r->facts.cpus)
		r->facts = t->facts;
	t->facts = r->facts;
	return true;
}

/* The record that is the source. */
static struct record replayed;

static bool record_available(struct options *o)
{
	return o->file && is_record(o->file);
}

static bool source_next(const struct options *o, struct table *t)
{
	if (!replayed.text && !record_open(&replayed, o->file, t))
		return false;
	return record_read(&replayed, t);
}

/* Let the next read begin with a record's first table, or with another record. */
void record_rewind(void)
{
	record_close(&replayed);
}

static bool record_has_next(void)
{
	return replayed.next;
}

const struct source record_source = {
	.name = "record",
	.available = record_available,
	.read = source_next,
	.has_next = record_has_next,
};

/* Only the first table has rows of zeros, so that the file stays small. */
static void append(FILE *out, struct table *t, bool first)
{
	fprintf(out, "%s%d\n", separator, TABLE_VERSION);
	fprintf(out, "# monotonic_nanoseconds %llu\n# wall_nanoseconds %llu\n",
		t->ns, t->wall_ns);
	if (t->steal_ns != UNKNOWN)
		fprintf(out, "# steal_nanoseconds %llu\n", t->steal_ns);
	table_print(out, t, first);
	finish(out);
}

static FILE *open_record(const char *path)
{
	FILE *out = strcmp(path, "-") ? fopen(path, "we") : stdout;

	if (!out)
		err(failed, "%s", printable(path));
	fprintf(out, FIRST_WORDS "%d\n", RECORD_VERSION);
	return out;
}

int cmd_record(const struct options *o)
{
	struct options with_histogram = *o;
	struct table t = {};
	unsigned long n;
	bool ended = false;
	FILE *out;
	u64 until;

	with_histogram.percentiles = true;
	source_read_or_die(&with_histogram, &t);
	source_need_changes(o, &t);
	until = t.ns;
	if (o->live)
		facts_read(&t.facts);
	out = open_record(o->output);
	append(out, &t, true);
	run_start(o->args, NULL);
	for (n = 1; !ended && (!o->count || n <= o->count); n++) {
		until = interval_end(until, o->interval);
		ended = run_wait(until);
		if (source_read(&with_histogram, &t)) {
			append(out, &t, false);
			continue;
		}
		/* The next interval reaches back to the last good read. */
		warnx("%s", printable(t.error));
		ended |= run_ended();
	}
	table_free(&t);
	return run_status();
}
