// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits - the VM exits that this machine takes, from /proc/kvm_exits
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

int failed = EXIT_FAILURE;

/* The status of a wrong command line; main() sets it. */
static int wrong = 2;

/* The command that was given: errors name its help, which is shorter than the whole. */
static const char *named = "";

#define usage(fmt, ...) \
	errx(wrong, fmt "; see kvm-exits %s%s--help", ##__VA_ARGS__, named, \
	     *named ? " " : "")

/*
 * Each option has a letter of its own, which the commands below use to list their
 * options.  A short form may mean different options for different commands.
 */
static const struct option_text {
	char letter;
	char short_form;	/* 0 if there is none */
	const char *name;
	const char *argument;	/* NULL if it takes none */
	const char *help;
} options[] = {
	{ 'I', 'I', "interval", "TIME",
	  "the length of an interval, such as 500ms or 0.5s" },
	{ 'c', 'c', "count", "N", "the number of intervals" },
	{ 'r', 'r', "repeat", "N",
	  "run COMMAND N times: the mean and its deviation" },
	{ 'P', 'P', "percentiles", NULL,
	  "also the percentiles of the stops in each interval" },
	{ 'p', 'p', "processes", NULL, "exits by process instead of by reason" },
	{ 'U', 0, "per-cpu", NULL, "the exits of each CPU or vCPU" },
	{ 's', 's', "sort", "KEY", "time (the default), exits, average or name" },
	{ 'f', 'f', "filter", "REGEX", "only the reasons whose names match" },
	{ 'q', 'p', "pid", "PID,...", "own exits of processes" },
	{ 'K', 'C', "cpu", "CPU,...", "own exits of CPUs, such as 0,2-3" },
	{ 'g', 0, "cgroup", "NAME", "own exits of a cgroup" },
	{ 'W', 0, "warn-if", "LIMIT", "status 1 if exceeded, such as MSR>5000/s" },
	{ 'x', 0, "fail-if", "LIMIT", "the same with status 2" },
	{ 'n', 0, "no-own", NULL, "do not count the exits of COMMAND itself" },
	{ 'o', 'o', "output", "PATH",
	  "print to PATH; with COMMAND the default is stderr" },
	{ 'J', 0, "json", NULL, "for programs: one object on each line" },
	{ 'C', 0, "csv", NULL, "for programs: comma-separated values" },
	{ 'H', 0, "html", "PATH", "draw the report on a page, and replace PATH" },
	{ 'T', 0, "textfile", "PATH",
	  "replace PATH in one step, for node_exporter" },
	{ 'O', 0, "occurred", NULL, "no metrics of what never occurred" },
	{ 'M', 0, "vms", NULL, "on a host: the metrics of all its VMs" },
	{ 'A', 0, "allow", "VM[=WHO]",
	  "who reads the VM's counts in its guest: Y, kernel, N" },
	{ 'F', 0, "file", "PATH", "read this table, or one of another tool" },
	{ 'd', 0, "duration", "TIME",
	  "the time that the counts of --file cover" },
	{ 'v', 0, "vm", "PID|NAME", "on a host: the table of this VM" },
	{ 'S', 0, "source", "NAME",
	  "file or leaves; of VMs: debugfs, tracepoints" },
	{ 'D', 0, "debugfs", "PATH",
	  "look for VMs there instead of in " DEBUGFS_KVM },
	{ 'i', 'p', "pid", "PID", "only this process and its children" },
	{ 'w', 0, "cgroup", "PATH", "only the tasks of this cgroup" },
	{ 'b', 0, "by", "LIST", "of reason, what, process, code, cgroup, cpu, pid" },
	{ 'N', 'n', "rows", "N", "at most N rows (20)" },
	{ 'k', 'c', "period", "N", "sample every N-th exit of a reason" },
	{ 'e', 'F', "freq", "N", "take about N samples in a second" },
	{ 'l', 0, "folded", NULL, "a line for each stack, for flame graphs" },
	{ 'G', 0, "svg", "PATH", "draw a flame graph" },
	{ 'h', 'h', "help", NULL, "print this help" },
	{ 'V', 'V', "version", NULL,
	  "print the versions of the program and of the table" },
};

/* What may follow the options. */
enum rest { NOTHING, COMMAND, TIMES, REASON, REASONS, PATH, TWO_PATHS, TOPIC };

static int cmd_help(const struct options *o);

static const struct command {
	const char *name;
	int (*run)(const struct options *o);
	const char *options;
	enum rest rest;
	const char *usage;	/* lines of arguments, each after the name */
	const char *help;
} commands[] = {
	{ "stat", cmd_stat, "IcrPsfqKgWxnoJCF", COMMAND,
	  "[-I TIME] [-P] [-o PATH] [OPTION]... [--] COMMAND\n"
	  "-r N [-o PATH] [OPTION]... [--] COMMAND\n"
	  "[-I TIME] [-c N] [-P] [-o PATH] [OPTION]...\n"
	  "-p PID | -C CPU | --cgroup NAME [OPTION]... [COMMAND]",
	  "the exits that the VM took while COMMAND ran, or in each interval" },
	{ "top", cmd_top, "IcPpUsfJCF", TIMES,
	  "[-I TIME] [-p | --per-cpu] [OPTION]... [SECONDS [N]]",
	  "a live view" },
	{ "who", cmd_who, "IfoiwbNkelGJF", COMMAND,
	  "[-I TIME] [-p PID | --cgroup PATH] [OPTION]...\n"
	  "[OPTION]... [--] COMMAND",
	  "the process, the code and the device behind the exits" },
	{ "report", cmd_report, "IfUJCFH", COMMAND,
	  "[OPTION]... [-I TIME | [--] COMMAND...]",
	  "where the time went, with advice" },
	{ "hist", cmd_hist, "IfJF", REASONS, "[-I TIME] [-f REGEX] [REASON]...",
	  "how long exits stopped a vCPU, drawn" },
	{ "explain", cmd_explain, "J", REASON, "[REASON|NUMBER]",
	  "what a reason is, when it is normal, what to do about it" },
	{ "save", cmd_save, "IF", PATH,
	  "[-I TIME] PATH\n"
	  "PATH [--] COMMAND...",
	  "write the counts, or those of an interval or a COMMAND, to PATH" },
	{ "record", cmd_record, "IcF", PATH,
	  "[-I TIME] [-c N] PATH [[--] COMMAND...]",
	  "write the counts of each interval to PATH, to be replayed" },
	{ "diff", cmd_diff, "sfJ", TWO_PATHS, "[-s KEY] [-f REGEX] PATH PATH",
	  "two saved tables or records side by side" },
	{ "vms", cmd_vms, "IcfAJDS", TIMES,
	  "[-I TIME] [-c N] [-f REGEX] [SECONDS [N]]\n"
	  "--allow PID|NAME[=Y|kernel|N]",
	  "on a host: its VMs by the rate of their exits" },
	{ "prometheus", cmd_prometheus, "IfTOMF", NOTHING,
	  "[-f REGEX] [--occurred] [[-I TIME] --textfile PATH]\n"
	  "--vms [-f REGEX] [[-I TIME] --textfile PATH]",
	  "the counts as metrics" },
	{ "check", cmd_check, "JD", NOTHING, "[--json]",
	  "whether the counts can be read, and what is missing" },
	{ "help", cmd_help, "", TOPIC, "[COMMAND]",
	  "the usage and the options of a command" },
};

/*
 * A command that takes --file also takes --duration, --vm, --source and --debugfs.  The
 * last three may also come before the command.
 */
static bool allowed(const struct command *c, int opt)
{
	if (strchr(c ? "hV" : "hVvSD", opt))
		return true;
	return c && (strchr(c->options, opt) ||
		     (strchr("dvSD", opt) && strchr(c->options, 'F')));
}

static void print_usage(const struct command *c, bool first)
{
	const char *line = c->usage;
	size_t n;

	for (; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		printf("%s kvm-exits %s %.*s\n",
		       first && line == c->usage ? "usage:" : "      ", c->name, (int)n, line);
	}
}

static void print_commands(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("%-11s %s\n", commands[i].name, commands[i].help);
}

static void print_option(const struct option_text *x)
{
	char name[64];

	snprintf(name, sizeof(name), "--%s%s%s", x->name, x->argument ? " " : "",
		 x->argument ?: "");
	if (x->short_form)
		printf("  -%c, %-16s %s\n", x->short_form, name, x->help);
	else
		printf("      %-16s %s\n", name, x->help);
}

/*
 * "kvm-exits who" accepts some options only to say why it cannot use them.  Its help
 * does not list these.
 */
static bool in_help(const struct command *c, int opt)
{
	return !c || (allowed(c, opt) &&
		      !(c->run == cmd_who && strchr("dvD", opt)));
}

/* The help of one command, or of all. */
static void print_help(const struct command *c)
{
	unsigned int i;

	if (c) {
		print_usage(c, true);
		printf("\n%s\n", c->help);
	} else {
		for (i = 0; i < ARRAY_SIZE(commands); i++)
			print_usage(&commands[i], !i);
		putchar('\n');
		print_commands();
	}
	putchar('\n');
	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (in_help(c, options[i].letter))
			print_option(&options[i]);
	if (c)
		puts("\nman kvm-exits has the rest.");
	finish(stdout);
}

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
	usage("%s: not a sort key: time, exits, average or name", s);
}

static u64 length_of_time(const char *s, u64 unit)
{
	u64 ns;

	if (!unit && parse_time(s, NSEC, &ns) && !parse_time(s, 0, &ns))
		usage("-I %s: the unit is missing: %ss or %sms", s, s, s);
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

static void set_target(struct options *o, enum target kind)
{
	if (o->target)
		usage("give only one of -p, -C and --cgroup");
	o->target = optarg;
	o->target_kind = kind;
}

static void set_format(struct options *o, enum format format)
{
	if (o->format != TEXT && o->format != format)
		usage("either --json or --csv, not both");
	o->format = format;
}

static void parse_option(struct options *o, const struct command *c, int opt)
{
	switch (opt) {
	case 'I':
		o->interval = length_of_time(optarg, c->rest == TIMES ? 0 :
					     1000000);
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
	case 'O':
		o->occurred = true;
		break;
	case 'M':
		o->all_vms = true;
		break;
	case 'q':
		set_target(o, PROCESSES);
		break;
	case 'K':
		set_target(o, CPUS);
		break;
	case 'g':
		set_target(o, CGROUP);
		break;
	case 'U':
		o->per_cpu = true;
		/* In the live view the list of CPUs takes the place of the processes. */
		o->processes |= c->run == cmd_top;
		break;
	case 'W':
	case 'x':
		if (!limit_add(optarg, opt == 'W' ? WARNING : CRITICAL))
			usage("%s: not a limit such as MSR>5000/s, total>5%% or HLT.p99_seconds>1",
			      optarg);
		break;
	case 'n':
		o->no_own = true;
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
	case 'H':
		o->html = optarg;
		break;
	case 'T':
		o->textfile = optarg;
		break;
	case 'A':
		o->allow = optarg;
		break;
	case 'F':
		o->file = optarg;
		break;
	case 'd':
		o->duration = length_of_time(optarg, NSEC);
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
	case 'i':
		o->pid = positive(optarg, "a process");
		break;
	case 'w':
		o->cgroup = optarg;
		break;
	case 'b':
		o->by = optarg;
		break;
	case 'N':
		o->rows = positive(optarg, "rows");
		break;
	case 'k':
		o->period = positive(optarg, "exits");
		break;
	case 'e':
		o->freq = positive(optarg, "samples");
		break;
	case 'l':
		o->folded = true;
		break;
	case 'G':
		o->svg = optarg;
		break;
	case 'h':
		print_help(c);
		exit(EXIT_SUCCESS);
	case 'V':
		printf("kvm-exits " VERSION ", table version %d\n",
		       TABLE_VERSION);
		finish(stdout);
		exit(EXIT_SUCCESS);
	}
}

/* Options may follow arguments, except those of a command to run. */
static bool permutes(const struct command *c)
{
	return c && c->rest != COMMAND && c->rest != PATH;
}

#define LONG	256	/* more than any character */

/* The options of a command in the forms that getopt_long() takes. */
static struct option long_options[ARRAY_SIZE(options) + 1];
static char short_options[2 * ARRAY_SIZE(options) + 3];

static void make_options(const struct command *c)
{
	char *s = stpcpy(short_options, permutes(c) ? ":" : "+:");
	const struct option_text *x;
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		x = &options[i];
		if (c && !allowed(c, x->letter))
			continue;
		long_options[n++] = (struct option) {
			.name = x->name,
			.has_arg = x->argument ? required_argument : no_argument,
			.val = LONG + i,
		};
		if (!x->short_form)
			continue;
		*s++ = x->short_form;
		if (x->argument)
			*s++ = ':';
	}
	*s = '\0';
	long_options[n] = (struct option) {};
}

/* The letter of what getopt_long() returned: a short form, or LONG and an index. */
static int option_letter(const struct command *c, int opt)
{
	unsigned int i;

	if (opt >= LONG)
		return options[opt - LONG].letter;
	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].short_form == opt &&
		    (!c || allowed(c, options[i].letter)))
			return options[i].letter;
	return opt;
}

/* The argument in which the next option is. */
static const char *next_option(char **argv)
{
	unsigned int i = optind ?: 1;

	while (argv[i] && (argv[i][0] != '-' || !argv[i][1]))
		i++;
	return argv[i];
}

static void parse_options(struct options *o, const struct command *c,
			  int argc, char **argv)
{
	const char *typed;
	int opt;

	make_options(c);
	opterr = 0;
	optind = 0;
	for (;;) {
		typed = next_option(argv);
		opt = getopt_long(argc, argv, short_options, long_options,
				  NULL);
		if (opt < 0)
			break;
		opt = option_letter(c, opt);
		if (opt == ':')
			usage("%s needs an argument", typed);
		if (opt != '?' && !c && !allowed(c, opt))
			usage("%s comes after the command", typed);
		if (opt == '?' || !allowed(c, opt))
			usage("%s: no such option%s%s", typed,
			      c ? " of " : "", c ? c->name : "");
		parse_option(o, c, opt);
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

static int cmd_help(const struct options *o)
{
	print_help(o->nr_args ? find_command(o->args[0]) : NULL);
	return EXIT_SUCCESS;
}

/* Without a command, list the commands, and show the counts if they can be read. */
static int first_contact(struct options *o)
{
	struct table t = {};

	puts("usage: kvm-exits COMMAND [OPTION]... [ARGUMENT]...\n");
	print_commands();
	if (!o->debugfs)
		o->debugfs = DEBUGFS_KVM;
	source_choose(o, o->vm);
	if (o->source->counts_from_start) {
		puts("\nThis host's KVM is not the patched one. See its VMs: kvm-exits vms");
	} else if (source_read(o, &t)) {
		t.ns = t.span_ns;
		puts("\n$ kvm-exits report");
		print_beginning(&t);
		puts("...");
	} else {
		printf("\n%s\n", printable(t.error));
	}
	finish(stdout);
	table_free(&t);
	return 2;
}

/* As for vmstat(8): the seconds of an interval, and the number of intervals. */
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

static void check_who(const struct options *o)
{
	if (o->vm)
		usage("who: --vm is not for this command: only a guest can sample its code");
	if (!!o->pid + !!o->cgroup + !!o->args > 1)
		usage("who: give only one of -p, --cgroup and a command");
	if (o->period && o->freq)
		usage("who: either -c or -F, not both");
	if (!!o->by + o->folded + !!o->svg > 1 ||
	    (o->format != TEXT && (o->folded || o->svg)))
		usage("who: give only one of --by, --folded and --svg, and --json with --by alone");
}

/* Refuse options that exclude each other, so that none is ignored silently. */
static void check_options(const struct options *o, const struct command *c)
{
	if (o->vm && !strchr(c->options, 'F'))
		usage("%s: --vm is not for this command", c->name);
	if (o->source_name && !strpbrk(c->options, "FS"))
		usage("%s: --source is not for this command", c->name);
	if (o->all_vms && (o->vm || o->file))
		usage("%s: give only one of --vms, --vm and --file", c->name);
	if (o->interval && c->run == cmd_prometheus && !o->textfile)
		usage("%s: -I needs --textfile", c->name);
	if (o->duration && !o->file)
		usage("%s: --duration needs --file", c->name);
	if (o->vm && o->file)
		usage("%s: either --vm or --file, not both", c->name);
	if (o->debugfs && !o->vm && !o->all_vms && !strchr(c->options, 'D'))
		usage("%s: --debugfs needs --vm", c->name);
	if (o->allow && (o->interval != NSEC || o->count || o->filter))
		usage("%s: --allow goes without -I, -c and -f", c->name);
	if (o->target && o->no_own)
		usage("%s: --no-own contradicts -p, -C and --cgroup", c->name);
	if (o->target && o->vm)
		usage("%s: -p, -C and --cgroup are for this guest, not for --vm",
		      c->name);
	if (o->html && o->format != TEXT)
		usage("%s: --html goes with neither --json nor --csv", c->name);
	if (o->repeat && o->percentiles)
		usage("%s: either -r or -P, not both", c->name);
	if (o->per_cpu && o->processes && o->vm)
		usage("%s: --per-cpu is for this guest, not for --vm", c->name);
	if (o->per_cpu && !o->processes && !o->interval && !o->args)
		usage("%s: --per-cpu needs -I or a command", c->name);
	if (o->per_cpu && !o->processes && (o->file || o->format == CSV))
		usage("%s: --per-cpu goes neither with --file nor with --csv",
		      c->name);
	if (c->run == cmd_who)
		check_who(o);
	if (o->processes && o->format != TEXT)
		usage("%s: -p and --per-cpu go with neither --json nor --csv", c->name);
}

static void parse_rest(struct options *o, const struct command *c)
{
	bool command = o->args && (c->rest == COMMAND || c->rest == PATH);

	if (c->rest == TIMES)
		parse_times(o);
	else if ((c->rest == REASON || c->rest == TOPIC) && o->nr_args > 1)
		usage("%s: unexpected argument %s", c->name, o->args[1]);
	else if (c->rest == PATH && !o->output)
		usage("%s: a file is needed", c->name);
	else if (c->rest == TWO_PATHS && o->nr_args != 2)
		usage("%s: two saved tables are needed", c->name);
	else if (c->rest == NOTHING && o->nr_args)
		usage("%s: unexpected argument %s", c->name, o->args[0]);
	else if (c->rest == COMMAND && o->args && o->count)
		usage("%s: -c goes with intervals, not with a command", c->name);
	if (command)
		failed = FAILED_BESIDE;
	else if (has_limits())
		failed = NO_VALUE;
	if (c->run == cmd_record && !o->interval)
		o->interval = NSEC;
	if (command && o->interval && c->run != cmd_stat &&
	    c->run != cmd_record)
		usage("%s: either -I or a command, not both", c->name);
	if (c->rest == COMMAND && !o->args && o->count && !o->interval)
		usage("%s: -c needs -I", c->name);
	if (o->repeat && (!o->args || o->interval))
		usage("%s: -r needs a command and no -I", c->name);
}

#define DEFAULT_TIME	(10 * NSEC)

/*
 * A source without counts from the past needs an interval.  top and vms have
 * one, and stat counts until ^C.
 */
static void take_time(struct options *o, const struct command *c)
{
	bool command = o->args && (c->rest == COMMAND || c->rest == PATH);

	if (!o->source || !o->source->counts_from_start || o->interval ||
	    command || c->run == cmd_stat || c->run == cmd_prometheus ||
	    !strchr(c->options, 'I'))
		return;
	o->interval = DEFAULT_TIME;
	warnx("counting for 10 s; -I sets another time");
}

/*
 * The locale is for names that are not ASCII.  The names of reasons are found in any
 * case, but in Turkish the small form of I is not i.
 */
static void set_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (tolower('I') == 'i')
		return;
	if (strcmp(nl_langinfo(CODESET), "UTF-8") || !setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C");
}

int main(int argc, char **argv)
{
	struct options o = {};
	const struct command *c;

	set_locale();
	parse_options(&o, NULL, argc, argv);
	if (optind == argc)
		return first_contact(&o);
	c = find_command(argv[optind]);
	if (c->run != cmd_help)
		named = c->name;
	if (c->rest == COMMAND || c->rest == PATH)
		wrong = FAILED_BESIDE;
	argc -= optind;
	argv += optind;
	parse_options(&o, c, argc, argv);
	if (c->rest == PATH && optind < argc) {
		o.output = argv[optind];
		argc -= optind;
		argv += optind;
		parse_options(&o, c, argc, argv);
	}

	o.nr_args = argc - optind;
	if (o.nr_args)
		o.args = argv + optind;
	parse_rest(&o, c);
	check_options(&o, c);
	if (!o.debugfs)
		o.debugfs = DEBUGFS_KVM;
	if (strchr(c->options, 'F') || c->run == cmd_vms)
		source_choose(&o, o.vm || o.all_vms || c->run == cmd_vms);
	take_time(&o, c);
	return c->run(&o);
}
