// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text from outside, such as names of VMs and of files: any byte can be in it.
 */
#include <ctype.h>
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "program.h"

/*
 * The length of the character at @s in bytes.  @width is set to its columns, or
 * to 0 if it cannot be printed.  A terminal obeys control characters, and marks
 * such as U+202E, which have no width, change how the rest of a line looks.
 */
static size_t next_character(const char *s, unsigned int *width)
{
	mbstate_t state = {};
	size_t n;
	wchar_t c;

	*width = 0;
	n = mbrtowc(&c, s, MB_CUR_MAX, &state);
	if (n == 0 || n > MB_CUR_MAX)
		return 1;
	if (wcwidth(c) > 0)
		*width = wcwidth(c);
	return n;
}

/**
 * fit_text() - make text that a terminal shows as it is
 * @s: the text
 * @columns: cut it or fill it with blanks to this width, or 0 for all of it
 *
 * What cannot be printed becomes '?'.
 *
 * Return: the text, to be freed.
 */
char *fit_text(const char *s, unsigned int columns)
{
	char *buf = calloc(strlen(s) + columns + 1, 1), *out = buf;
	unsigned int width, used = 0;
	size_t n;

	if (!buf)
		errx(failed, "no memory");
	for (; *s; s += n) {
		n = next_character(s, &width);
		if (columns && used + (width ?: 1) > columns)
			break;
		used += width ?: 1;
		if (width)
			out = mempcpy(out, s, n);
		else
			*out++ = '?';
	}
	while (used++ < columns)
		*out++ = ' ';
	return buf;
}

/* For a message, which has at most four such texts: the fifth frees the first. */
const char *printable(const char *s)
{
	static unsigned int next;
	static char *texts[4];
	char **text = &texts[next++ % ARRAY_SIZE(texts)];

	free(*text);
	*text = fit_text(s, 0);
	return *text;
}

/**
 * read_comm() - the name of a process or thread, which can put any byte in its name
 * @name: the result, in which '?' stands for what a terminal may obey; it is
 *        empty if there is no such task
 * @size: its size
 * @path: the file comm of the task
 */
void read_comm(char *name, size_t size, const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(name, size, f))
		*name = '\0';
	name[strcspn(name, "\n")] = '\0';
	for (; *name; name++)
		if (!isprint((unsigned char)*name))
			*name = '?';
	if (f)
		fclose(f);
}

/* The length of the UTF-8 character at @s, or 0 if it is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 :
		   *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	size_t i;

	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Not the shortest form, a surrogate, or above U+10FFFF. */
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/*
 * Whether a terminal may obey this character: one below a blank, DEL, or U+0080 to
 * U+009F.
 */
static bool is_control(const char *s)
{
	const unsigned char *c = (const unsigned char *)s;

	return *c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);
}

/* A string of JSON, which has to be UTF-8.  A byte that is not UTF-8 becomes U+FFFD. */
void print_json_string(FILE *out, const char *s)
{
	size_t n;

	fputc('"', out);
	for (; *s; s += n ?: 1) {
		n = utf8_length((const unsigned char *)s);
		if (!n)
			fputs("\\ufffd", out);
		else if (is_control(s))
			fprintf(out, "\\u%04x", (unsigned char)s[n - 1]);
		else if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else
			fwrite(s, n, 1, out);
	}
	fputc('"', out);
}

/*
 * Make the value of a label of Prometheus, which has to be UTF-8: '_' stands for
 * what would end the label or its line.  The text is to be freed.
 */
char *label_text(const char *s)
{
	char *label = strdup(s), *c;
	size_t n;

	if (!label)
		errx(failed, "no memory");
	for (c = label; *c; c += n ?: 1) {
		n = utf8_length((const unsigned char *)c);
		if (!n || is_control(c) || *c == '"' || *c == '\\')
			memset(c, '_', n ?: 1);
	}
	return label;
}

/* The key of a value that is not the first one of its object. */
void print_json_key(FILE *out, const char *key)
{
	fprintf(out, ", \"%s\": ", key);
}

/* A number, or null if it is unknown. */
void print_json_number(FILE *out, const char *key, int places, double val)
{
	print_json_key(out, key);
	if (isnan(val))
		fputs("null", out);
	else
		fprintf(out, "%.*f", places, val);
}

/* A string, or null if there is none. */
void print_json_text(FILE *out, const char *key, const char *s)
{
	print_json_key(out, key);
	if (s)
		print_json_string(out, s);
	else
		fputs("null", out);
}
