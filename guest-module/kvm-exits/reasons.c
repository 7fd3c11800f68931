// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of reasons, from reasons.txt, and the command explain.
 */
#include <ctype.h>
#include <err.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "exit_table.h"
#include "reasons.h"

static const struct reason reasons[] = {
#include "reasons.inc"
};

/* A name in the form of the table above. */
static void canonical(char to[NAME_LEN], const char *name)
{
	size_t i;

	for (i = 0; name[i] && i < NAME_LEN - 1; i++)
		to[i] = isalnum((unsigned char)name[i]) ?
			toupper((unsigned char)name[i]) : '_';
	to[i] = '\0';
}

/* Copy the next name; false after the last one. */
static bool next_name(const char **names, char name[NAME_LEN])
{
	size_t n;

	*names += strspn(*names, "\n ");
	n = strcspn(*names, "\n ");
	if (!n)
		return false;
	snprintf(name, NAME_LEN, "%.*s", (int)n, *names);
	*names += n;
	return true;
}

/**
 * reason_find() - find the explanation of a reason
 * @name: its name with either vendor, in any case
 *
 * Return: the entry, or NULL.
 */
const struct reason *reason_find(const char *name)
{
	char wanted[NAME_LEN], pattern[NAME_LEN];
	const char *names;
	unsigned int i;

	canonical(wanted, name);
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		names = reasons[i].names;
		while (next_name(&names, pattern))
			if (!fnmatch(pattern, wanted, 0))
				return &reasons[i];
	}
	return NULL;
}

/* Whether the stop is the sleep of a vCPU that has nothing to do. */
bool is_sleep(const char *name)
{
	const struct reason *reason = reason_find(name);

	return reason && (reason->family == IDLE || reason->family == MWAIT);
}

/* The number of characters to change, add or remove to turn @a into @b. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_LEN + 1], above, left, i, j;

	for (j = 0; j <= strlen(b); j++)
		row[j] = j;
	for (i = 1; i <= strlen(a); i++) {
		above = row[0];
		row[0] = i;
		for (j = 1; j <= strlen(b); j++) {
			left = row[j];
			row[j] = above + (a[i - 1] != b[j - 1]);
			if (left + 1 < row[j])
				row[j] = left + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			above = left;
		}
	}
	return row[strlen(b)];
}

/* Find the name that is most similar to a wrong one; false if none is. */
static bool suggest(const char *wanted, char best[NAME_LEN])
{
	unsigned int i, d, least = strlen(wanted) / 2 + 1;
	char candidate[NAME_LEN];
	const char *names;
	bool found = false;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		names = reasons[i].names;
		while (next_name(&names, candidate)) {
			if (strpbrk(candidate, "*?"))
				continue;
			d = distance(wanted, candidate);
			/* A part of a name is similar to it. */
			if (strlen(wanted) > 2 && strstr(candidate, wanted))
				d = 1;
			if (d < least) {
				least = d;
				strcpy(best, candidate);
				found = true;
			}
		}
	}
	return found;
}

#define WIDTH	78

/**
 * print_wrapped() - print text in lines that fit a terminal
 * @label: printed before the first line; may be empty
 * @text: the text; a newline in it counts as a space
 */
void print_wrapped(const char *label, const char *text)
{
	size_t indent = strlen(label), column, n;

	fputs(label, stdout);
	column = indent;
	while (*text) {
		n = strcspn(text, "\n ");
		if (column > indent && column + 1 + n > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		fwrite(text, 1, n, stdout);
		column += n;
		text += n;
		text += strspn(text, "\n ");
	}
	putchar('\n');
}

static void list_names(void)
{
	char name[NAME_LEN];
	const char *names;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		names = reasons[i].names;
		while (next_name(&names, name))
			if (!strpbrk(name, "*?"))
				puts(name);
	}
	finish(stdout);
}

static void explain(const char *title, const struct reason *r)
{
	puts(title);
	print_wrapped("  what     ", r->what);
	print_wrapped("  normal   ", r->normal);
	print_wrapped("  if many  ", r->much);
	print_wrapped("  source   ", r->source);
	print_wrapped("  names    ", r->names);
}

/* The JSON also has the names that are patterns, such as REASON_*. */
static void explain_json(const struct reason *r)
{
	const char *names = r->names, *sep = "";
	char name[NAME_LEN];

	fputs("{\"names\": [", stdout);
	while (next_name(&names, name)) {
		printf("%s\"%s\"", sep, name);
		sep = ", ";
	}
	putchar(']');
	print_json_text(stdout, "what", r->what);
	print_json_text(stdout, "normal", r->normal);
	print_json_text(stdout, "if_many", r->much);
	print_json_text(stdout, "source", r->source);
	putchar('}');
}

/* One reason, or all. */
static int explain_for_programs(const struct reason *r)
{
	unsigned int i;

	printf("{\"version\": %d, \"reasons\": [", OUTPUT_VERSION);
	for (i = 0; i < (r ? 1 : ARRAY_SIZE(reasons)); i++) {
		fputs(i ? ", " : "", stdout);
		explain_json(r ?: &reasons[i]);
	}
	puts("]}");
	finish(stdout);
	return EXIT_SUCCESS;
}

/* A number can mean one reason of Intel and another of AMD; false if it means none. */
static bool explain_number(u32 number)
{
	static const struct {
		u32 isa;
		const char *vendor;
	} vendors[] = {
		{ KVM_VMEXIT_ISA_VMX, "Intel" }, { KVM_VMEXIT_ISA_SVM, "AMD" },
	};
	char name[EXIT_TABLE_NAME_LEN], title[80];
	const struct reason *r;
	bool found = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vendors); i++) {
		exit_reason_name(vendors[i].isa, number, name);
		r = reason_find(name);
		if (!r)
			continue;
		snprintf(title, sizeof(title), "%s (%s: %d, 0x%x)", name,
			 vendors[i].vendor, number, number);
		if (found)
			putchar('\n');
		explain(title, r);
		found = true;
	}
	return found;
}

int cmd_explain(const struct options *o)
{
	char name[NAME_LEN], nearest[NAME_LEN], *end;
	const struct reason *r;
	long number;

	if (!o->nr_args && o->format == JSON)
		return explain_for_programs(NULL);
	if (!o->nr_args) {
		list_names();
		return EXIT_SUCCESS;
	}
	number = strtol(o->args[0], &end, 0);
	if (end != o->args[0] && !*end) {
		if (o->format == JSON)
			errx(failed, "%s: --json takes a name, not a number",
			     o->args[0]);
		if (number < INT_MIN || number > UINT_MAX ||
		    !explain_number(number))
			errx(failed, "%s: neither vendor has such a number; see kvm-exits explain",
			     o->args[0]);
		finish(stdout);
		return EXIT_SUCCESS;
	}
	canonical(name, o->args[0]);
	r = reason_find(name);
	if (!r && suggest(name, nearest))
		errx(failed, "%s: no such reason; did you mean %s?", name,
		     nearest);
	if (!r)
		errx(failed, "%s: no such reason; kvm-exits explain lists all",
		     name);
	if (o->format == JSON)
		return explain_for_programs(r);
	explain(name, r);
	finish(stdout);
	return EXIT_SUCCESS;
}
