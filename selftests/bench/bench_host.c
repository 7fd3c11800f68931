// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_host [-f] [-n TIMES]: what VM exits cost on this host, from the guest and back,
 * without the statistics, with one clock (the time of handling), and with both clocks
 * (also the time of the whole stop).
 *
 * The parameters of KVM are switched between short measurements, and all three settings
 * are measured in turn, so that whatever else changes on the host affects all of them.
 * Prints a line "SETTING EXIT CYCLES LEAST MOST" for each setting and exit.  Without
 * statistics, CYCLES is the median of the times.  For the other two settings, it is the
 * median of what they add.  With a confidence of 95 % the true median is between LEAST
 * and MOST.
 */
#include "bench_vm.h"

#define PARAMETERS	"/sys/module/kvm/parameters/"
#define EXITS		501	/* in one measurement */
#define TIMES		41	/* each exit is measured with each setting */

static const struct setting {
	const char *name;
	const char *enabled, *stopped;
} settings[] = {
	{ "off", "0", "0" },
	{ "one_clock", "1", "0" },
	{ "both_clocks", "1", "1" },
};

#define SETTINGS	(sizeof(settings) / sizeof(*settings))

static const char * const exits[] = {
	"cpuid", "wrmsr_deadline", "wrmsr_ipi", "hlt", "timer", "fault", "port",
};

static double cycles[sizeof(exits) / sizeof(*exits)][SETTINGS][TIMES];

/* The values that the parameters had at the start. */
static char enabled[8], stopped[8];

static void get(const char *parameter, char *value, size_t size)
{
	int fd = open(parameter, O_RDONLY);

	if (fd < 0 || read(fd, value, size - 1) < 0)
		errx(1, "the loaded KVM has no exit statistics: run make -C host-kvm-patch reload");
	close(fd);
}

static void set(const struct setting *s)
{
	if (!write_to(PARAMETERS "exit_stats", s->enabled) ||
	    !write_to(PARAMETERS "exit_stats_stopped", s->stopped))
		err(1, "cannot set the parameters of KVM in " PARAMETERS);
}

static void restore(void)
{
	write_to(PARAMETERS "exit_stats", enabled);
	write_to(PARAMETERS "exit_stats_stopped", stopped);
}

static void interrupted_by(int signal)
{
	restore();
	_exit(1);
}

/*
 * Whether this hypervisor runs on a processor.  An emulator counts few cycles from one
 * RDTSC to the next, or sets CPUID's bit for a hypervisor.  Other hypervisors set this
 * bit, too.  They would handle each exit first.
 */
static bool on_processor(void)
{
	__u64 least = -1, start, time;
	int i;

	for (i = 0; i < 1000; i++) {
		start = rdtsc();
		time = rdtsc() - start;
		if (time < least)
			least = time;
	}
	return least >= 10 && !(ask(1, 0).ecx >> 31);
}

static void measure(int times)
{
	size_t e, s, setting;
	int i;

	for (i = 0; i < times; i++) {
		for (s = 0; s < SETTINGS; s++) {
			setting = (s + i) % SETTINGS;
			set(&settings[setting]);
			forget_pages();
			for (e = 0; e < sizeof(exits) / sizeof(*exits); e++)
				cycles[e][setting][i] = run(0, find(exits[e]), EXITS);
		}
	}
}

static int compare_cycles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Return how many of @n sorted values to leave out at either end.  With a confidence of
 * 95 % the true median is then between the other values.  A value is below the true
 * median as often as a thrown coin shows heads.
 */
static int outside(int n)
{
	double heads = 1, sum;
	int i;

	for (i = 0; i < n; i++)
		heads /= 2;
	for (i = 0, sum = heads; sum <= 0.025; i++) {
		heads = heads * (n - i) / (i + 1);
		sum += heads;
	}
	return i ? i - 1 : 0;
}

static void report(const char *exit, double (*c)[TIMES], int times)
{
	int i, out = outside(times);
	double added[TIMES];
	size_t s;

	for (s = 0; s < SETTINGS; s++) {
		for (i = 0; i < times; i++)
			added[i] = s ? c[s][i] - c[0][i] : c[0][i];
		qsort(added, times, sizeof(*added), compare_cycles);
		printf("%s %s %.0f %.0f %.0f\n", settings[s].name, exit,
		       added[times / 2], added[out], added[times - 1 - out]);
	}
}

int main(int argc, char **argv)
{
	int option, times = TIMES;
	bool force = false;
	size_t e;

	while ((option = getopt(argc, argv, "fn:")) != -1) {
		if (option == 'f')
			force = true;
		else
			times = option == 'n' ? atoi(optarg) : 0;
	}
	if (times < 1 || times > TIMES || optind < argc) {
		fprintf(stderr, "usage: bench_host [-f] [-n 1..%d]\n", TIMES);
		return 2;
	}
	if (!force && !on_processor())
		errx(1, "this machine is virtual or emulated: -f measures it anyway");

	get(PARAMETERS "exit_stats", enabled, sizeof(enabled));
	get(PARAMETERS "exit_stats_stopped", stopped, sizeof(stopped));
	fprintf(stderr, "bench_host: this takes some minutes; the counts of all VMs begin anew\n");
	atexit(restore);
	signal(SIGINT, interrupted_by);
	signal(SIGTERM, interrupted_by);

	pin(sched_getcpu());
	create_vm(1);
	warm_up(1);
	printf("tsc_mhz %d\n", check(ioctl(vcpu[0], KVM_GET_TSC_KHZ), "KVM_GET_TSC_KHZ") / 1000);
	measure(times);
	for (e = 0; e < sizeof(exits) / sizeof(*exits); e++)
		report(exits[e], cycles[e], times);
	return 0;
}
