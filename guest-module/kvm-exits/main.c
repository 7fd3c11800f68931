// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits - the VM exits that this machine takes, from /proc/kvm_exits
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

int failed = EXIT_FAILURE;

static const char usage_text[] =
"usage: kvm-exits stat [-I TIME] [-P] [-o PATH] [OPTION]... [--] COMMAND\n"
"       kvm-exits stat -r N [-o PATH] [OPTION]... [--] COMMAND\n"
"       kvm-exits stat [-I TIME] [-c N] [-P] [-o PATH] [OPTION]...\n"
"       kvm-exits top [-I TIME] [-c N] [-P] [-p] [OPTION]... [SECONDS [N]]\n"
"       kvm-exits report [OPTION]... [-I TIME | [--] COMMAND...]\n"
"       kvm-exits hist [-I TIME] [-f REGEX] [REASON]...\n"
"       kvm-exits explain [REASON]\n"
"       kvm-exits save [-I TIME] PATH\n"
"       kvm-exits save PATH [--] COMMAND...\n"
"       kvm-exits diff [-s KEY] [-f REGEX] PATH PATH\n"
"       kvm-exits vms [-I TIME] [-c N] [-f REGEX] [SECONDS [N]]\n"
"       kvm-exits prometheus [-f REGEX] [--textfile PATH]\n"
"\n"
"stat        the exits that the VM took while COMMAND ran, or in each interval\n"
"top         a live view\n"
"report      where the time went, with advice\n"
"hist        how long exits stopped a vCPU, drawn\n"
"explain     what a reason is, when it is normal, what to do about it\n"
"save        write the counts, or those of an interval or a COMMAND, to PATH\n"
"diff        two saved tables side by side\n"
"vms         on a host: its VMs by the rate of their exits\n"
"prometheus  the counts as metrics\n"
"\n"
"  -I, --interval TIME  the length of an interval: 500 or 500ms, 0.5s (top: 1s)\n"
"  -c, --count N        the number of intervals\n"
"  -r, --repeat N       run COMMAND N times: the mean and its deviation\n"
"  -P, --percentiles    also the percentiles of the stops in each interval\n"
"  -p, --processes      exits by process instead of by reason\n"
"  -s, --sort KEY       time (the default), exits, average or name\n"
"  -f, --filter REGEX   only the reasons whose names match\n"
"  -o, --output PATH    print to PATH; with COMMAND the default is stderr\n"
"      --json, --csv    for programs; JSON is one object on each line\n"
"      --textfile PATH  replace PATH in one step, for node_exporter\n"
"      --file PATH      the table to read instead of " PROC_TABLE "\n"
"      --vm PID|NAME    on a host: the table of this VM\n"
"      --source NAME    where to read: file, or with --vm debugfs\n"
"      --debugfs PATH   look for VMs there instead of in " DEBUGFS_KVM "\n"
"  -h, --help           print this help\n"
"  -V, --version        print the versions of the program and of the table\n";

/* The status of a wrong command line; main() sets it. */
static int wrong = 2;

#define usage(fmt, ...) \
	errx(wrong, fmt "; see kvm-exits --help", ##__VA_ARGS__)

/* Options without a short form have a letter too, for @options below. */
static const struct option long_options[] = {
	{ "interval", required_argument, NULL, 'I' },
	{ "count", required_argument, NULL, 'c' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "percentiles", no_argument, NULL, 'P' },
	{ "processes", no_argument, NULL, 'p' },
	{ "sort", required_argument, NULL, 's' },
	{ "filter", required_argument, NULL, 'f' },
	{ "output", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'J' },
	{ "csv", no_argument, NULL, 'C' },
	{ "textfile", required_argument, NULL, 'T' },
	{ "file", required_argument, NULL, 'F' },
	{ "vm", required_argument, NULL, 'v' },
	{ "source", required_argument, NULL, 'S' },
	{ "debugfs", required_argument, NULL, 'D' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

/* What may follow the options. */
enum rest { NOTHING, COMMAND, TIMES, REASON, REASONS, PATH, TWO_PATHS };

static const struct command {
	const char *name;
	int (*run)(const struct options *o);
	const char *options;
	enum rest rest;
} commands[] = {
	{ "stat", cmd_stat, "IcrPsfoJCF", COMMAND },
	{ "top", cmd_top, "IcPpsfJCF", TIMES },
	{ "report", cmd_report, "IfJCF", COMMAND },
	{ "hist", cmd_hist, "IfF", REASONS },
	{ "explain", cmd_explain, "", REASON },
	{ "save", cmd_save, "IF", PATH },
	{ "diff", cmd_diff, "sf", TWO_PATHS },
	{ "vms", cmd_vms, "IcfD", TIMES },
	{ "prometheus", cmd_prometheus, "fTF", NOTHING },
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
	unsigned int i;

	for (i = 0; i < SORTS; i++)
		if (!strcmp(s, sort_names[i]))
			return i;
	usage("%s: no such sort key", s);
}

static u64 length_of_time(const char *s, u64 unit)
{
	u64 ns;

	if (!parse_time(s, unit, &ns))
		usage("%s: not a time such as 500, 500ms or 0.5s", s);
	return ns;
}

static void set_filter(struct options *o, const char *s)
{
	static regex_t filter;
	char why[WHY_LEN];

	if (!filter_compile(&filter, s, why))
		usage("%s: not a regular expression: %s", s, why);
	o->filter = &filter;
	o->filter_text = s;
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
		o->interval = length_of_time(optarg, 1000000);
		break;
	case 'c':
		o->count = positive(optarg, "intervals");
		break;
	case 'r':
		o->repeat = positive(optarg, "runs");
		break;
	case 'P':
		o->percentiles = true;
		break;
	case 'p':
		o->processes = true;
		break;
	case 'f':
		set_filter(o, optarg);
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
	case 'v':
		o->vm = optarg;
		break;
	case 'S':
		o->source_name = optarg;
		break;
	case 'D':
		o->debugfs = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		finish(stdout);
		exit(EXIT_SUCCESS);
	case 'V':
		printf("kvm-exits " VERSION ", table version %d\n",
		       TABLE_VERSION);
		finish(stdout);
		exit(EXIT_SUCCESS);
	}
}

/*
 * --vm, --source and --debugfs choose a table as --file does.  They may also
 * come before the command.
 */
static bool allowed(const struct command *c, int opt)
{
	if (strchr(c ? "hV" : "hVvSD", opt))
		return true;
	return c && (strchr(c->options, opt) ||
		     (strchr("vSD", opt) && strchr(c->options, 'F')));
}

static void parse_options(struct options *o, const struct command *c,
			  int argc, char **argv)
{
	int opt, index;

	opterr = 0;
	for (;;) {
		index = optind;
		opt = getopt_long(argc, argv, "+:I:c:r:Pps:f:o:hV", long_options,
				  NULL);
		if (opt < 0)
			break;
		if (opt == ':')
			usage("%s needs an argument", argv[index]);
		if (opt != '?' && !c && !allowed(c, opt))
			usage("%s comes after the command", argv[index]);
		if (opt == '?' || !allowed(c, opt))
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

/* As vmstat(8): the seconds of an interval, and how many. */
static void parse_times(struct options *o)
{
	if (o->nr_args > 2)
		usage("unexpected argument %s", o->args[2]);
	if (o->nr_args)
		o->interval = length_of_time(o->args[0], NSEC);
	if (o->nr_args == 2)
		o->count = positive(o->args[1], "intervals");
	if (!o->interval)
		o->interval = NSEC;
	o->args = NULL;
}

/* Options that exclude each other, so that none is ignored silently. */
static void check_options(const struct options *o, const struct command *c)
{
	if (o->vm && !strchr(c->options, 'F'))
		usage("%s: no --vm", c->name);
	if (o->source_name && !strchr(c->options, 'F'))
		usage("%s: no --source", c->name);
	if (o->vm && o->file)
		usage("%s: either --vm or --file", c->name);
	if (o->debugfs && !o->vm && !strchr(c->options, 'D'))
		usage("%s: --debugfs needs --vm", c->name);
	if (o->repeat && o->percentiles)
		usage("%s: either -r or -P", c->name);
	if (o->processes && o->format != TEXT)
		usage("%s: -p has no --json and no --csv", c->name);
}

static void parse_rest(struct options *o, const struct command *c)
{
	bool command = c->rest == COMMAND ? o->nr_args :
		       c->rest == PATH && o->nr_args > 1;

	if (c->rest == TIMES)
		parse_times(o);
	else if (c->rest == REASON && o->nr_args > 1)
		usage("%s: unexpected argument %s", c->name, o->args[1]);
	else if (c->rest == PATH && !o->nr_args)
		usage("%s: a file is needed", c->name);
	else if (c->rest == TWO_PATHS && o->nr_args != 2)
		usage("%s: two saved tables are needed", c->name);
	else if (c->rest == NOTHING && o->nr_args)
		usage("%s: unexpected argument %s", c->name, o->args[0]);
	else if (c->rest == COMMAND && o->args && o->count)
		usage("%s: -c goes with intervals, not with a command", c->name);
	if (command)
		failed = FAILED_BESIDE;
	if (command && o->interval && c->run != cmd_stat)
		usage("%s: either -I or a command", c->name);
	if (c->rest == COMMAND && !o->args && o->count && !o->interval)
		usage("%s: -c needs -I", c->name);
	if (o->repeat && (!o->args || o->interval))
		usage("%s: -r needs a command and no -I", c->name);
}

int main(int argc, char **argv)
{
	struct options o = {};
	const struct command *c;

	parse_options(&o, NULL, argc, argv);
	if (optind == argc)
		usage("no command");
	c = find_command(argv[optind]);
	if (c->rest == COMMAND || c->rest == PATH)
		wrong = FAILED_BESIDE;
	argc -= optind;
	argv += optind;
	optind = 1;
	parse_options(&o, c, argc, argv);

	o.nr_args = argc - optind;
	if (o.nr_args)
		o.args = argv + optind;
	parse_rest(&o, c);
	check_options(&o, c);
	if (!o.debugfs)
		o.debugfs = DEBUGFS_KVM;
	if (strchr(c->options, 'F'))
		source_choose(&o);
	return c->run(&o);
}
