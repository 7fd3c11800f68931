// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of other tools: perf kvm stat, bcc's kvmexit, kvm_stat, and the
 * histogram of the tracepoint kvm_exit.
 *
 * They do not name the vendor.  All but the histogram have the names of the reasons, in
 * several spellings.  So first the lines are read.  Then the names decide about the
 * vendor, and become those of /proc/kvm_exits.
 */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "exit_table.h"

#define MAX_WORDS	512	/* kvm_stat has a column for each reason */
#define US		1000	/* ns */

/* Reasons that this program does not know get numbers that no processor has. */
#define NO_REASON	0xff000000u

struct lines {
	struct table *t;
	const struct text_format *format;
	const char *path;
	char *rest;		/* the text behind the line */
	unsigned int nr;	/* of the line */
	char *word[MAX_WORDS];
	unsigned int words;
	char start[40];		/* of the line, for a message */
};

/* Split the next line at spaces, and at @more; false at the end. */
static bool next_line(struct lines *l, const char *more)
{
	char separators[8], *line, *save, *w;
	size_t n;

	line = strsep(&l->rest, "\n");
	if (!line)
		return false;
	l->nr++;
	snprintf(separators, sizeof(separators), " \t\r%s", more);
	line += strspn(line, " \t");
	snprintf(l->start, sizeof(l->start), "%s", line);
	for (n = strlen(l->start); n && isspace((unsigned char)l->start[n - 1]); n--)
		l->start[n - 1] = '\0';
	l->words = 0;
	for (w = strtok_r(line, separators, &save); w && l->words < MAX_WORDS;
	     w = strtok_r(NULL, separators, &save))
		l->word[l->words++] = w;
	return true;
}

static bool refuse(struct lines *l)
{
	snprintf(l->t->error, sizeof(l->t->error),
		 "%s: line %u does not belong to %s: %s", printable(l->path),
		 l->nr, l->format->name, printable(l->start));
	return false;
}

static bool incomplete(const struct lines *l, const char *why)
{
	snprintf(l->t->error, sizeof(l->t->error),
		 "%s: not the whole output of %s: %s", printable(l->path),
		 l->format->name,
		 why);
	return false;
}

static void begin(struct lines *l, struct table *t, char *text,
		  const char *path, const struct text_format *format)
{
	*l = (struct lines) {
		.t = t, .format = format, .path = path, .rest = text,
	};
	strcpy(t->origin, format->origin);
	strcpy(t->total.name, "total");
	t->columns = 1u << EXITS;
	t->tsc_khz = 1000000;
	t->in_ns = true;
}

static bool count_of(const char *s, u64 *val)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	*val = strtoull(s, &end, 10);
	return !*end && *val < UNKNOWN / 2;
}

/* A time such as 443.40us, in ns. */
static bool time_of(const char *s, u64 *ns)
{
	double us;
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	us = strtod(s, &end);
	if ((strcmp(end, "us") && strcmp(end, "us.")) || us > 1e15)
		return false;
	*ns = us * US + 0.5;
	return true;
}

/* The row of a name, which starts at zero; NULL if there are too many. */
static struct row *named_row(struct table *t, const char *name)
{
	char wanted[NAME_LEN];
	unsigned int i;
	struct row *r;

	word_copy(wanted, name);
	for (i = 0; i < t->nr_rows; i++)
		if (!strcmp(t->rows[i].name, wanted))
			return &t->rows[i];
	r = table_new_row(t, NO_REASON + t->nr_rows);
	if (!r)
		return NULL;
	strcpy(r->name, wanted);
	for (i = 0; i < COUNTS; i++)
		r->count[i] = t->columns & 1u << i ? 0 : UNKNOWN;
	return r;
}

static bool add_exits(struct table *t, const char *name, u64 exits)
{
	struct row *r = named_row(t, name);

	if (!r)
		return false;
	r->count[EXITS] += exits;
	return true;
}

/* kvm_stat has names of its own for some reasons of AMD. */
static const char *kernel_name(const char *name)
{
	static const char * const names[][2] = {
		{ "INTR", "interrupt" },
		{ "IOIO", "io" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i][0]))
			return names[i][1];
	return name;
}

/* The vendor that has more of the names. */
static u32 vendor_of_names(struct table *t)
{
	unsigned int i, intel = 0, amd = 0;
	const char *name;
	u32 reason;

	for (i = 0; i < t->nr_rows; i++) {
		name = kernel_name(t->rows[i].name);
		intel += reason_of_name(KVM_VMEXIT_ISA_VMX, name, &reason);
		amd += reason_of_name(KVM_VMEXIT_ISA_SVM, name, &reason);
	}
	strcpy(t->vendor, amd > intel ? "AMD" : "Intel");
	return isa_of_vendor(t->vendor);
}

/*
 * Replace the names by those of /proc/kvm_exits.  A name that is unknown stays,
 * and the first of them is reported.
 */
static void find_reasons(struct lines *l)
{
	struct table *t = l->t;
	u32 isa = vendor_of_names(t), reason;
	unsigned int i, unknown = 0;

	for (i = 0; i < t->nr_rows; i++) {
		struct row *r = &t->rows[i];

		if (reason_of_name(isa, kernel_name(r->name), &reason) &&
		    !table_row(t, reason)) {
			r->reason = reason;
			exit_reason_name(isa, reason, r->name);
		} else if (r->count[EXITS] && !unknown++) {
			warnx("%s: no reason of %s is called %s: it stays as it is",
			      printable(l->path), t->vendor, r->name);
		}
	}
}

static void add_up(struct table *t)
{
	unsigned int i;
	enum count c;

	for (c = 0; c < COUNTS; c++)
		t->total.count[c] = has(t, c) ? 0 : UNKNOWN;
	for (i = 0; i < t->nr_rows; i++) {
		t->total.count[EXITS] += t->rows[i].count[EXITS];
		if (has(t, STOPPED))
			t->total.count[STOPPED] += t->rows[i].count[STOPPED];
		if (has(t, MAX) && t->rows[i].count[MAX] > t->total.count[MAX])
			t->total.count[MAX] = t->rows[i].count[MAX];
	}
}

/* @exits is the total that the text has. */
static bool finish_table(struct lines *l, u64 exits)
{
	add_up(l->t);
	if (!l->t->nr_rows)
		return incomplete(l, "it has no exits");
	if (l->t->total.count[EXITS] != exits)
		return incomplete(l, "the rows do not add up to the total");
	find_reasons(l);
	return true;
}

static bool is_word(const struct lines *l, unsigned int i, const char *s)
{
	return i < l->words && !strcmp(l->word[i], s);
}

/*
 * "perf kvm stat report", and "perf kvm stat live", which prints a table for each
 * interval:
 *
 *	VM-EXIT    Samples  Samples%     Time%    Min Time    Max Time   Avg time
 *	    msr       1315    21.22%     4.87%     16.96us   4247.55us    65.33us ( +-   8.68% )
 *	Total Samples:6198, Total events handled time:1762939.89us.
 *
 * Its time is that from the exit to the next entry.  An exit that no entry
 * follows is not in it.
 */
static bool perf_matches(const char *text)
{
	return strstr(text, "Samples%");
}

/*
 * "unknown kvm exit code:75 on VMX", before the row UNKNOWN and elsewhere: a reason
 * that is newer than perf.
 */
static bool perf_unknown(const struct lines *l, char name[NAME_LEN])
{
	u64 code;

	if (!is_word(l, 0, "unknown") || !is_word(l, 2, "exit") || l->words != 6 ||
	    strncmp(l->word[3], "code:", 5) || !count_of(l->word[3] + 5, &code))
		return false;
	exit_reason_name(strcmp(l->word[5], "SVM") ? KVM_VMEXIT_ISA_VMX :
			 KVM_VMEXIT_ISA_SVM, code, name);
	return true;
}

/* @unknown is the name of what perf calls UNKNOWN. */
static bool perf_row(struct lines *l, char unknown[NAME_LEN])
{
	bool known = strcmp(l->word[0], "UNKNOWN") || !*unknown;
	u64 exits, least, max, average;
	struct row *r;

	if (l->words < 7 || !count_of(l->word[1], &exits) ||
	    !time_of(l->word[4], &least) || !time_of(l->word[5], &max) ||
	    !time_of(l->word[6], &average))
		return false;
	r = named_row(l->t, known ? l->word[0] : unknown);
	*unknown = '\0';
	if (!r)
		return false;
	r->count[EXITS] += exits;
	r->count[STOPPED] += exits * average;
	if (max > r->count[MAX])
		r->count[MAX] = max;
	return true;
}

/* "Total Samples:6198, Total events ..." */
static bool perf_total(struct lines *l, u64 *exits)
{
	char *number = l->words > 1 ? strchr(l->word[1], ':') : NULL;
	u64 n;

	if (!number || !is_word(l, 0, "Total"))
		return false;
	number[strcspn(number, ",")] = '\0';
	if (!count_of(number + 1, &n))
		return false;
	*exits += n;
	return true;
}

/*
 * "perf kvm stat live" clears the screen before each table: ESC [, a number, and a
 * letter.
 */
static void remove_escapes(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] != '\x1b' || text[1] != '[') {
			*to++ = *text++;
			continue;
		}
		text += 2;
		text += strspn(text, "0123456789;");
		if (*text)
			text++;
	}
	*to = '\0';
}

/* The time of day that "perf kvm stat live" prints. */
static bool perf_clock(const char *word, double *seconds)
{
	unsigned int h, m;
	double s;
	char more;

	if (sscanf(word, "%2u:%2u:%lf%c", &h, &m, &s, &more) != 3)
		return false;
	*seconds = h * 3600 + m * 60 + s;
	return true;
}

static bool perf_parse(struct table *t, char *text, const char *path);

static const struct text_format perf_format = {
	.name = "perf kvm stat",
	.origin = "perf",
	.matches = perf_matches,
	.parse = perf_parse,
};

/* Between the first and the last of @n tables there are n - 1 intervals. */
static u64 perf_span(double first, double last, unsigned int n)
{
	double seconds = last < first ? last + 86400 - first : last - first;

	return n > 1 ? seconds * n / (n - 1) * NSEC : 0;
}

static bool perf_parse(struct table *t, char *text, const char *path)
{
	unsigned int clocks = 0, tables = 0, totals = 0;
	double clock, first = 0, last = 0;
	char unknown[NAME_LEN] = "";
	bool rows = false;
	struct lines l;
	u64 exits = 0;

	begin(&l, t, text, path, &perf_format);
	t->columns |= 1u << STOPPED | 1u << MAX;
	remove_escapes(text);
	while (next_line(&l, "")) {
		if (!l.words || is_word(&l, 0, "Analyze") ||
		    perf_unknown(&l, unknown))
			continue;
		if (perf_clock(l.word[0], &clock)) {
			first = clocks++ ? first : clock;
			last = clock;
		} else if (is_word(&l, 0, "VM-EXIT") && tables == totals &&
			   tables <= clocks) {
			tables++;
			rows = true;
		} else if (is_word(&l, 0, "Lost")) {
			warnx("%s: perf lost events: the counts are too low: use a larger -m",
			      printable(path));
		} else if (rows && perf_total(&l, &exits)) {
			totals++;
			rows = false;
		} else if (!rows || !perf_row(&l, unknown)) {
			return refuse(&l);
		}
	}
	if (tables != totals)
		return incomplete(&l, "it has no line of totals");
	t->span_ns = perf_span(first, last, tables);
	return finish_table(&l, exits);
}

/*
 * bcc's kvmexit, for all VMs or with -p, -v, -a, -t or -T:
 *
 *	Display kvm exit reasons and statistics for all threads after sleeping 6 secs.
 *	PID      TID      KVM_EXIT_REASON                     COUNT
 *	1273551  1273568  EXIT_REASON_MSR_WRITE               6
 *
 * The rows of several VMs are added up.
 */
static bool bcc_matches(const char *text)
{
	return strstr(text, "KVM_EXIT_REASON");
}

static bool bcc_parse(struct table *t, char *text, const char *path);

static const struct text_format bcc_format = {
	.name = "kvmexit",
	.origin = "bcc",
	.matches = bcc_matches,
	.parse = bcc_parse,
};

static bool bcc_parse(struct table *t, char *text, const char *path)
{
	unsigned int columns = 0;
	u64 exits, total = 0;
	const char *name;
	struct lines l;

	begin(&l, t, text, path, &bcc_format);
	while (next_line(&l, "")) {
		/* The terminal's echo of ^C can be a line of the output. */
		if (!l.words || (is_word(&l, 0, "^C") && l.words == 1))
			continue;
		if (!columns && is_word(&l, 0, "Display")) {
			if (l.words > 3 && is_word(&l, l.words - 1, "secs.") &&
			    count_of(l.word[l.words - 2], &exits))
				t->span_ns = exits * NSEC;
			continue;
		}
		if (!columns && l.words > 1 && is_word(&l, l.words - 1, "COUNT") &&
		    is_word(&l, l.words - 2, "KVM_EXIT_REASON")) {
			columns = l.words;
			continue;
		}
		if (!columns || l.words != columns ||
		    !count_of(l.word[columns - 1], &exits))
			return refuse(&l);
		name = l.word[columns - 2];
		if (!strncmp(name, "EXIT_REASON_", 12))
			name += 12;
		if (!add_exits(t, name, exits))
			return refuse(&l);
		total += exits;
	}
	if (!columns)
		return incomplete(&l, "it has no line of column names");
	return finish_table(&l, total);
}

/* The name in kvm_exit(NAME), or NULL. */
static char *exit_name(char *word)
{
	size_t n = strlen(word);

	if (strncmp(word, "kvm_exit(", 9) || word[n - 1] != ')')
		return NULL;
	word[n - 1] = '\0';
	return word + 9;
}

/*
 * kvm_stat counts the reasons that it has a name for.  The others are only in
 * its total.
 */
#define UNNAMED	"UNNAMED"

static bool stat_finish(struct lines *l, u64 total)
{
	if (!l->t->nr_rows)
		return incomplete(l, "it has no kvm_exit(REASON): run kvm_stat with -t");
	add_up(l->t);
	if (total > l->t->total.count[EXITS])
		add_exits(l->t, UNNAMED, total - l->t->total.count[EXITS]);
	return finish_table(l, total);
}

/*
 * kvm_stat -1 (or --once), which counts for one second:
 *
 *	kvm_exit                                        1386      1386
 *	kvm_exit(CPUID)                                  395       395
 */
static bool once_matches(const char *text)
{
	const char *line;

	/*
	 * The names are in order, so the text begins with "kvm_", even if its end was
	 * cut off.
	 */
	if (!strncmp(text, "kvm_", 4))
		return true;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, "kvm_exit(", 9))
			return !strchr(line, ',') ||
			       strchr(line, ',') > strchr(line, '\n');
	}
	return false;
}

static bool once_parse(struct table *t, char *text, const char *path);

static const struct text_format once_format = {
	.name = "kvm_stat -1",
	.origin = "kvm_stat",
	.matches = once_matches,
	.parse = once_parse,
};

static bool once_parse(struct table *t, char *text, const char *path)
{
	u64 value, delta, total = UNKNOWN;
	struct lines l;
	char *name;

	begin(&l, t, text, path, &once_format);
	t->span_ns = NSEC;
	while (next_line(&l, "")) {
		if (!l.words)
			continue;
		if (l.words != 3 || !count_of(l.word[1], &value) ||
		    !count_of(l.word[2], &delta))
			return refuse(&l);
		name = exit_name(l.word[0]);
		if (is_word(&l, 0, "kvm_exit"))
			total = delta;
		else if (name && !add_exits(t, name, delta))
			return refuse(&l);
	}
	if (total == UNKNOWN)
		return incomplete(&l, "it has no line kvm_exit");
	return stat_finish(&l, total);
}

/*
 * kvm_stat -L FILE -c, a line for each interval:
 *
 *	timestamp,kvm_exit,kvm_exit(CPUID),...
 *	2026-11-30 22:28:58,1386,395,...
 */
static bool csv_matches(const char *text)
{
	return !strncmp(text, "timestamp,", 10);
}

static bool csv_parse(struct table *t, char *text, const char *path);

static const struct text_format csv_format = {
	.name = "kvm_stat -c",
	.origin = "kvm_stat",
	.matches = csv_matches,
	.parse = csv_parse,
};

static bool csv_clock(const char *word, double *seconds)
{
	return perf_clock(word, seconds);
}

/* The names are from the first line, and stay in memory. */
static bool csv_row(struct lines *l, char **name, unsigned int columns,
		    u64 *total)
{
	unsigned int i;
	u64 val;

	/* The date and the time of day are two words. */
	if (l->words != columns + 1)
		return false;
	for (i = 1; i < columns; i++) {
		if (!count_of(l->word[i + 1], &val))
			return false;
		if (!strcmp(name[i], "kvm_exit"))
			*total += val;
		else if (*name[i] && !add_exits(l->t, name[i], val))
			return false;
	}
	return true;
}

static bool csv_parse(struct table *t, char *text, const char *path)
{
	unsigned int columns, i, n = 0;
	char *name[MAX_WORDS], *reason;
	double clock, first = 0, last = 0;
	bool has_total = false;
	struct lines l;
	u64 total = 0;

	begin(&l, t, text, path, &csv_format);
	if (!next_line(&l, ","))
		return refuse(&l);
	columns = l.words;
	for (i = 0; i < columns; i++) {
		name[i] = l.word[i];
		has_total |= !strcmp(name[i], "kvm_exit");
		reason = exit_name(name[i]);
		if (reason)
			name[i] = reason;
		else if (strcmp(name[i], "kvm_exit"))
			name[i] = "";
	}
	if (!has_total)
		return incomplete(&l, "it has no column kvm_exit");
	while (next_line(&l, ",")) {
		/* Without -L, the names come again on each page. */
		if (!l.words || is_word(&l, 0, "timestamp"))
			continue;
		if (!csv_row(&l, name, columns, &total) ||
		    !csv_clock(l.word[1], &clock))
			return refuse(&l);
		first = n++ ? first : clock;
		last = clock;
	}
	t->span_ns = perf_span(first, last, n);
	return stat_finish(&l, total);
}

/*
 * The file hist of the tracepoint:
 *
 *	# trigger info: hist:keys=exit_reason:vals=hitcount:sort=hitcount:size=2048 [active]
 *	{ exit_reason:         48 } hitcount:          1
 *	Totals:
 *	    Hits: 6199
 */
static bool hist_matches(const char *text)
{
	return strstr(text, "{ exit_reason:") ||
	       (strstr(text, "# trigger info: hist:") &&
		strstr(text, "exit_reason"));
}

static bool hist_parse(struct table *t, char *text, const char *path);

static const struct text_format hist_format = {
	.name = "a histogram of kvm_exit",
	.origin = "ftrace",
	.matches = hist_matches,
	.parse = hist_parse,
};

/* The words behind "NAME:", as a number. */
static bool hist_value(const struct lines *l, const char *name, int base,
		       u64 *val)
{
	unsigned int i;
	char *end;

	for (i = 0; i + 1 < l->words; i++) {
		if (strcmp(l->word[i], name))
			continue;
		*val = strtoull(l->word[i + 1], &end, base);
		return end != l->word[i + 1] && (!*end || *end == ',');
	}
	return false;
}

/*
 * There are no names: the numbers decide.  Every AMD guest has exits whose
 * numbers are above all of Intel's.
 */
static void hist_vendor(struct table *t)
{
	unsigned int i;
	struct row *r;
	bool amd = false;
	u32 isa;

	for (i = 0; i < t->nr_rows; i++)
		amd |= t->rows[i].reason < 0x80000000 ?
		       t->rows[i].reason > 0x5f :
		       t->rows[i].reason > 0xfffffff0;
	strcpy(t->vendor, amd ? "AMD" : "Intel");
	isa = isa_of_vendor(t->vendor);
	for (i = 0; i < t->nr_rows; i++) {
		r = &t->rows[i];
		if (!amd)
			r->reason &= 0xffff;
		exit_reason_name(isa, r->reason, r->name);
	}
}

static bool hist_row(struct lines *l, int base)
{
	const struct row *old;
	u64 reason, exits;
	struct row *r;

	if (!hist_value(l, "exit_reason:", base, &reason) ||
	    !hist_value(l, "hitcount:", 10, &exits))
		return false;
	old = table_row(l->t, reason);
	r = old ? &l->t->rows[old - l->t->rows] : table_new_row(l->t, reason);
	if (!r)
		return false;
	if (!old)
		memset(r->count, 0xff, sizeof(r->count));
	r->count[EXITS] = (old ? r->count[EXITS] : 0) + exits;
	return true;
}

static bool hist_parse(struct table *t, char *text, const char *path)
{
	int base = strstr(text, "exit_reason.hex") ? 16 : 10;
	u64 hits = UNKNOWN, val;
	struct lines l;

	begin(&l, t, text, path, &hist_format);
	while (next_line(&l, "")) {
		if (!l.words || is_word(&l, 0, "#") || is_word(&l, 0, "Totals:") ||
		    is_word(&l, 0, "Entries:"))
			continue;
		if (is_word(&l, 0, "Dropped:")) {
			if (l.words > 1 && strcmp(l.word[1], "0"))
				warnx("%s: histogram full, %s exits missing: use a larger size=",
				      printable(path), printable(l.word[1]));
		} else if (is_word(&l, 0, "Hits:") && l.words == 2 &&
			   count_of(l.word[1], &val)) {
			hits = val;
		} else if (!hist_row(&l, base)) {
			return refuse(&l);
		}
	}
	if (hits == UNKNOWN)
		return incomplete(&l, "it has no line of totals");
	add_up(t);
	if (!t->nr_rows)
		return incomplete(&l, "it has no exits");
	if (t->total.count[EXITS] != hits)
		return incomplete(&l, "the rows do not add up to the total");
	hist_vendor(t);
	return true;
}

const struct text_format * const foreign_formats[] = {
	&perf_format,
	&bcc_format,
	&csv_format,
	&once_format,
	&hist_format,
};

const unsigned int nr_foreign_formats = ARRAY_SIZE(foreign_formats);
