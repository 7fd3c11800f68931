// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits - the VM exits that this machine takes, from /proc/kvm_exits
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-exits.h"

static const char usage_text[] =
"usage: kvm-exits stat [-I MS] [-s KEY] [-o PATH] [--json|--csv] [--] COMMAND...\n"
"       kvm-exits stat -I MS [-c N] [-s KEY] [-o PATH] [--json|--csv]\n"
"       kvm-exits top [-I MS] [-c N] [-s KEY] [--json|--csv]\n"
"       kvm-exits report [--json|--csv]\n"
"       kvm-exits prometheus [--textfile PATH]\n"
"\n"
"stat        the exits that the VM took while COMMAND ran, or in each interval\n"
"top         a live view\n"
"report      where the time went since the counts began, with advice\n"
"prometheus  the counts as metrics\n"
"\n"
"  -I, --interval MS    the interval in milliseconds (top: 1000)\n"
"  -c, --count N        how many intervals\n"
"  -s, --sort KEY       time (the default), exits, average or name\n"
"  -o, --output PATH    print there; with COMMAND the default is stderr\n"
"      --json, --csv    for programs; JSON is one object a line\n"
"      --textfile PATH  replace PATH in one step, for node_exporter\n"
"      --file PATH      the table to read, if not " PROC_TABLE "\n"
"  -h, --help           print this\n"
"  -V, --version        print the version of the table that is understood\n";

#define usage(fmt, ...) \
	errx(2, fmt "; see kvm-exits --help", ##__VA_ARGS__)

/* Options without a short form have a letter too, for struct command. */
static const struct option long_options[] = {
	{ "interval", required_argument, NULL, 'I' },
	{ "count", required_argument, NULL, 'c' },
	{ "sort", required_argument, NULL, 's' },
	{ "output", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'J' },
	{ "csv", no_argument, NULL, 'C' },
	{ "textfile", required_argument, NULL, 'T' },
	{ "file", required_argument, NULL, 'F' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

static const struct command {
	const char *name;
	int (*run)(const struct options *o);
	const char *options;
} commands[] = {
	{ "stat", cmd_stat, "IcsoJCF" },
	{ "top", cmd_top, "IcsJCF" },
	{ "report", cmd_report, "JCF" },
	{ "prometheus", cmd_prometheus, "TF" },
};

static unsigned long positive(const char *s, const char *what)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || !val || val > INT_MAX)
		usage("%s: not a number of %s", s, what);
	return val;
}

static enum sort sort_key(const char *s)
{
	static const char * const names[] = {
		[SORT_TIME] = "time",
		[SORT_EXITS] = "exits",
		[SORT_AVERAGE] = "average",
		[SORT_NAME] = "name",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(s, names[i]))
			return i;
	usage("%s: no such sort key", s);
}

static void set_format(struct options *o, enum format format)
{
	if (o->format != TEXT && o->format != format)
		usage("either --json or --csv");
	o->format = format;
}

static void parse_option(struct options *o, int opt)
{
	switch (opt) {
	case 'I':
		o->interval = positive(optarg, "milliseconds");
		break;
	case 'c':
		o->count = positive(optarg, "intervals");
		break;
	case 's':
		o->sort = sort_key(optarg);
		break;
	case 'o':
		o->output = optarg;
		break;
	case 'J':
		set_format(o, JSON);
		break;
	case 'C':
		set_format(o, CSV);
		break;
	case 'T':
		o->textfile = optarg;
		break;
	case 'F':
		o->file = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		finish(stdout);
		exit(EXIT_SUCCESS);
	case 'V':
		printf("kvm-exits, table version %d\n", TABLE_VERSION);
		finish(stdout);
		exit(EXIT_SUCCESS);
	}
}

static void parse_options(struct options *o, const struct command *c,
			  int argc, char **argv)
{
	int opt, index;

	opterr = 0;
	for (;;) {
		index = optind;
		opt = getopt_long(argc, argv, "+:I:c:s:o:hV", long_options,
				  NULL);
		if (opt < 0)
			break;
		if (opt == ':')
			usage("%s needs an argument", argv[index]);
		if (opt == '?' || (!strchr("hV", opt) &&
				   (!c || !strchr(c->options, opt))))
			usage("%s: no such option%s%s", argv[index],
			      c ? " of " : "", c ? c->name : "");
		parse_option(o, opt);
	}
}

static const struct command *find_command(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	usage("%s: no such command", name);
}

int main(int argc, char **argv)
{
	struct options o = { .file = PROC_TABLE };
	const struct command *c;

	parse_options(&o, NULL, argc, argv);
	if (optind == argc)
		usage("no command");
	c = find_command(argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 1;
	parse_options(&o, c, argc, argv);

	if (optind < argc) {
		if (c->run != cmd_stat)
			usage("%s: unexpected argument %s", c->name,
			      argv[optind]);
		o.command = argv + optind;
		if (o.count)
			usage("stat: -c goes with intervals, not with a command");
	} else if (c->run == cmd_stat && !o.interval) {
		usage("stat: a command or -I is needed");
	}
	if (c->run == cmd_top && !o.interval)
		o.interval = 1000;
	return c->run(&o);
}
