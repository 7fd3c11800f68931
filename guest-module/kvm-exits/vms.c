// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits on a host: the list of its VMs, from debugfs, and the one that --vm names.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"
#include "reasons.h"
#include "vms.h"

struct vm *vms;
unsigned int nr_vms;
enum vm_order vm_order;
bool vm_reverse;

/* The list is on a screen, where a message would disturb. */
static bool live;

/* A value in a QEMU option ends at a comma.  Two commas are one comma in the value. */
static void copy_value(char *to, size_t size, const char *from)
{
	char *end = to + size - 1;

	while (to < end && *from && (*from != ',' || *++from == ','))
		*to++ = *from++;
	*to = '\0';
}

/* The name in QEMU's option -name, or that of the process. */
static void name_vm(struct vm *vm)
{
	char path[64], text[4096] = "", *arg, *name = NULL;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", vm->pid);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	for (arg = text; arg < text + n; arg += strlen(arg) + 1)
		if (!strcmp(arg, "-name") && arg + 6 < text + n)
			name = arg + 6;
	if (name && !strncmp(name, "guest=", 6))
		name += 6;
	if (name) {
		copy_value(vm->name, sizeof(vm->name), name);
	} else {
		snprintf(path, sizeof(path), "/proc/%d/comm", vm->pid);
		f = fopen(path, "re");
		if (f && fgets(vm->name, sizeof(vm->name), f))
			vm->name[strcspn(vm->name, "\n")] = '\0';
		if (f)
			fclose(f);
	}
}

static void see_vm(const char *dir, const char *entry, pid_t pid, int fd)
{
	struct vm *vm;
	unsigned int i;
	char *path;

	if (asprintf(&path, "%s/%s/exit_stats", dir, entry) < 0)
		errx(failed, "no memory");
	for (i = 0; i < nr_vms; i++) {
		if (!strcmp(vms[i].path, path)) {
			vms[i].seen = true;
			free(path);
			return;
		}
	}
	vms = reallocarray(vms, nr_vms + 1, sizeof(*vms));
	if (!vms)
		errx(failed, "no memory");
	vm = &vms[nr_vms++];
	*vm = (struct vm) { .path = path, .pid = pid, .fd = fd, .seen = true };
	name_vm(vm);
}

/* The directories are named by the VMM's process and a descriptor: 1234-11. */
static void find_vms(const struct options *o)
{
	DIR *dir = opendir(o->debugfs);
	unsigned int i, n = 0;
	struct dirent *e;
	int pid, fd;
	char more;

	if (!dir)
		errx(failed, "%s: %s: see kvm-exits check",
		     o->debugfs, strerror(errno));
	for (i = 0; i < nr_vms; i++)
		vms[i].seen = false;
	while ((e = readdir(dir)))
		if (sscanf(e->d_name, "%d-%d%c", &pid, &fd, &more) == 2)
			see_vm(o->debugfs, e->d_name, pid, fd);
	closedir(dir);

	for (i = 0; i < nr_vms; i++) {
		if (vms[i].seen) {
			vms[n++] = vms[i];
			continue;
		}
		free(vms[i].path);
		table_free(&vms[i].then);
		table_free(&vms[i].now);
		table_free(&vms[i].last);
	}
	nr_vms = n;
}

/*
 * @which is the PID of the VMM, with the VM's descriptor or without, or a name.  The name
 * can be the PID of another VM, because whoever starts a VM chooses it.
 */
static const struct vm *choose_vm(const struct options *o, const char *which)
{
	const struct vm *found = NULL, *vm;
	char pid[16], id[32];

	find_vms(o);
	for (vm = vms; vm < vms + nr_vms; vm++) {
		snprintf(id, sizeof(id), "%d-%d", vm->pid, vm->fd);
		if (!strcmp(id, which))
			return vm;
	}
	for (vm = vms; vm < vms + nr_vms; vm++) {
		snprintf(pid, sizeof(pid), "%d", vm->pid);
		if (strcmp(pid, which) && strcmp(vm->name, which))
			continue;
		snprintf(id, sizeof(id), "%s-%d", pid, vm->fd);
		if (found && found->pid == vm->pid)
			errx(failed, "%s: its process has more than one VM: use a name such as %s",
			     printable(which), id);
		if (found && strcmp(found->name, which))
			snprintf(id, sizeof(id), "%d-%d", found->pid, found->fd);
		if (found && (strcmp(found->name, which) || strcmp(vm->name, which)))
			errx(failed, "%s: one VM's PID and another's name: use a name such as %s",
			     which, id);
		if (found)
			errx(failed, "%s: more than one VM has this name: use the PID",
			     printable(which));
		found = vm;
	}
	if (!found)
		errx(failed, "%s: no such VM: see kvm-exits vms", printable(which));
	return found;
}

/* Whether the host's KVM has the patch, as far as its VMs show. */
bool vms_have_files(const struct options *o)
{
	unsigned int i;

	find_vms(o);
	for (i = 0; i < nr_vms; i++)
		if (!access(vms[i].path, F_OK))
			return true;
	return !nr_vms;
}

/* The sum of a value over the processes of all VMs. */
unsigned int vms_sum(unsigned int (*value)(pid_t pid))
{
	unsigned int i, sum = 0;

	for (i = 0; i < nr_vms; i++)
		sum += value(vms[i].pid);
	return sum;
}

/**
 * find_vm() - find the file of one VM
 * @o: the options
 * @which: the PID of the VMM, or the name of the VM
 *
 * Return: the path.
 */
const char *find_vm(const struct options *o, const char *which)
{
	return choose_vm(o, which)->path;
}

/* The process of the VMM of --vm, or 0 in a guest. */
pid_t vm_pid(const struct options *o)
{
	return o->vm ? choose_vm(o, o->vm)->pid : 0;
}

/* The number of vCPUs of --vm: each has a directory in the VM's directory. */
unsigned int vm_vcpus(const struct options *o)
{
	const char *path = choose_vm(o, o->vm)->path;
	char *dir = strndup(path, strrchr(path, '/') - path);
	unsigned int vcpus = 0, id;
	struct dirent *e;
	DIR *d;

	if (!dir)
		errx(failed, "no memory");
	d = opendir(dir);
	while (d && (e = readdir(d)))
		vcpus += sscanf(e->d_name, "vcpu%u", &id) == 1;
	if (d)
		closedir(d);
	free(dir);
	return vcpus;
}

/* Who may read a VM's counts in its guest: the values of its file in debugfs. */
static const struct access {
	const char *value;
	const char *text;
} accesses[] = {
	{ "Y", "all processes of its guest" },
	{ "kernel", "the kernel of its guest alone" },
	{ "N", "nobody in its guest" },
};

/* Cut =VALUE from @which.  A name may contain other '='. */
static const struct access *cut_access(char *which)
{
	char *value = strrchr(which, '=');
	unsigned int i;

	for (i = 0; value && i < ARRAY_SIZE(accesses); i++) {
		if (!strcmp(value + 1, accesses[i].value)) {
			*value = '\0';
			return &accesses[i];
		}
	}
	return &accesses[0];
}

static int allow(const struct options *o)
{
	char *which = strdup(o->allow), *path;
	const struct access *access;
	const struct vm *vm;
	int fd;

	if (!which)
		errx(failed, "no memory");
	access = cut_access(which);
	vm = choose_vm(o, which);
	if (asprintf(&path, "%s_access", vm->path) < 0)
		errx(failed, "no memory");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		errx(failed, "%s: no such file: the loaded KVM is too old: load a newer one",
		     printable(path));
	if (fd < 0)
		err(failed, "%s", printable(path));
	if (write(fd, access->value, strlen(access->value)) < 0)
		err(failed, "%s: cannot write %s", printable(path), access->value);
	close(fd);
	printf("%s, PID %d: %s may read its counts\n", printable(vm->name), vm->pid,
	       access->text);
	free(path);
	free(which);
	finish(stdout);
	return EXIT_SUCCESS;
}

/*
 * A VM that ends meanwhile is no error.  If no VM has a table, the reason is
 * the same for all.
 *
 * Return: what is wrong with all VMs, or NULL.
 */
const char *read_vms(const struct options *o)
{
	static char wrong[2 * FILTER_LEN + 80];
	unsigned int i, nr_read = 0;
	bool matches = false;
	struct table tmp;
	struct vm *vm;

	find_vms(o);
	for (i = 0; i < nr_vms; i++) {
		vm = &vms[i];
		tmp = vm->then;
		vm->then = vm->now;
		vm->now = tmp;
		vm->counted =
			o->source->read_vm(o, &vm->now, vm->path, vm->pid) &&
			vm->then.nr_rows &&
			table_delta(&vm->last, &vm->then, &vm->now, 0);
		nr_read += vm->now.nr_rows != 0;
		matches |= table_matches(&vm->now, o->filter);
	}
	if (nr_vms && !nr_read)
		return printable(vms[0].now.error);
	for (vm = vms; !live && vm < vms + nr_vms; vm++)
		if (!vm->now.nr_rows && vm->now.errnum != ENOENT &&
		    vm->now.errnum != EIO)
			warnx("%s", printable(vm->now.error));
	if (nr_vms && !matches)
		snprintf(wrong, sizeof(wrong),
			 "%s: no reason of a VM matches: see kvm-exits explain",
			 printable(o->filter_text));
	return nr_vms && !matches ? wrong : NULL;
}

static void read_vms_or_die(const struct options *o)
{
	const char *wrong = read_vms(o);

	if (wrong)
		errx(failed, "%s", wrong);
}

/**
 * vms_tables() - read all VMs
 * @o: the options
 * @list: set to an array, to be freed; what it points to stays until the next
 *        read
 *
 * Return: how many VMs there are whose table could be read.
 */
unsigned int vms_tables(const struct options *o, struct vm_table **list)
{
	unsigned int i, n = 0;

	read_vms_or_die(o);
	*list = calloc(nr_vms + 1, sizeof(**list));
	if (!*list)
		errx(failed, "no memory");
	for (i = 0; i < nr_vms; i++)
		if (vms[i].now.nr_rows)
			(*list)[n++] = (struct vm_table) {
				vms[i].name, vms[i].pid, vms[i].fd, &vms[i].now,
			};
	return n;
}

static double rate(const struct vm *vm)
{
	return vm->counted ? 1e9 * vm->last.total.count[EXITS] / vm->last.ns : -1;
}

static double cpu(const struct vm *vm)
{
	double percent = vm->counted ?
		cpu_share(&vm->last, vm->last.total.count[CYCLES]) : NAN;

	return isnan(percent) ? -1 : percent;
}

static int compare_vms(const void *a, const void *b)
{
	const struct vm *x = a, *y = b;
	int n = 0;

	if (vm_order == BY_NAME)
		n = strcmp(x->name, y->name);
	else if (vm_order == BY_CPU)
		n = (cpu(x) < cpu(y)) - (cpu(x) > cpu(y));
	else if (vm_order == BY_RATE)
		n = (rate(x) < rate(y)) - (rate(x) > rate(y));
	if (!n)
		n = (x->pid > y->pid) - (x->pid < y->pid);
	return vm_reverse ? -n : n;
}

/* The reason that takes most of a VM's time, or NULL. */
static const char *most_time(const struct vm *vm)
{
	const struct table *t = &vm->last;
	const struct reason *reason;
	unsigned int i;

	for (i = 0; table_clock(t) != EXITS && i < t->nr_rows; i++) {
		/* The time for which HLT stops a vCPU is sleep. */
		reason = reason_find(t->rows[i].name);
		if (table_clock(t) == STOPPED && reason &&
		    (reason->family == IDLE || reason->family == MWAIT))
			continue;
		return t->rows[i].count[EXITS] ? t->rows[i].name : NULL;
	}
	return NULL;
}

static void print_vms_json(void)
{
	const struct table *t;
	char wall[TIME_LEN];
	const char *sep = "";
	unsigned int i;

	printf("{\"version\": %d, \"wall_time\": \"%s\", \"vms\": [",
	       OUTPUT_VERSION, format_wall(wall, wall_ns()));
	for (i = 0; i < nr_vms; i++) {
		if (!vms[i].counted)
			continue;
		t = &vms[i].last;
		printf("%s{\"pid\": %d", sep, vms[i].pid);
		print_json_text(stdout, "name", vms[i].name);
		print_json_number(stdout, "seconds", 9, t->ns / 1e9);
		print_json_number(stdout, "exits", 0, t->total.count[EXITS]);
		print_json_number(stdout, "exits_per_second", 3, rate(&vms[i]));
		print_json_number(stdout, "cpu_percent", 3,
				  cpu_share(t, t->total.count[CYCLES]));
		print_json_text(stdout, "most_time", most_time(&vms[i]));
		putchar('}');
		sep = ", ";
	}
	puts("]}");
}

void sort_vms(const struct options *o)
{
	unsigned int i;

	if (nr_vms)
		qsort(vms, nr_vms, sizeof(*vms), compare_vms);
	for (i = 0; i < nr_vms; i++) {
		table_filter(&vms[i].last, o->filter);
		table_sort(&vms[i].last, SORT_TIME, table_clock(&vms[i].last),
			   NULL);
	}
}

const char *format_vm_heading(char *buf, size_t size)
{
	snprintf(buf, size, "%8s  %-*s%12s%9s  %s", "pid", LISTED_NAME, "name",
		 "exits/s", "cpu%", "most time");
	return buf;
}

const char *format_vm(char *buf, size_t size, const struct vm *vm)
{
	char *name = fit_text(vm->name, LISTED_NAME), cpu_text[VALUE_LEN];
	const struct table *t = &vm->last;
	double percent = cpu_share(t, t->total.count[CYCLES]);

	snprintf(buf, size, "%8d  %s %11.1f%9s  %s", vm->pid, name, rate(vm),
		 format_number(cpu_text, 2, percent), most_time(vm) ?: "-");
	free(name);
	return buf;
}

static void print_vms(void)
{
	char wall[TIME_LEN], line[256];
	unsigned int i;

	puts(format_wall(wall, wall_ns()));
	puts(format_vm_heading(line, sizeof(line)));
	for (i = 0; i < nr_vms; i++)
		if (vms[i].counted)
			puts(format_vm(line, sizeof(line), &vms[i]));
}

int cmd_vms(const struct options *o)
{
	unsigned long n, count = o->count ?: 1;
	u64 until = now_ns();

	if (o->allow)
		return allow(o);
	read_vms_or_die(o);
	if (!nr_vms)
		errx(failed, "%s: no VM runs on this host", o->debugfs);
	if (!o->count && o->format == TEXT && screen_open()) {
		live = true;
		return vms_screen(o);
	}
	run_start(NULL, NULL);
	for (n = 0; n < count; n++) {
		until = interval_end(until, o->interval);
		if (run_wait(until))
			break;
		read_vms_or_die(o);
		sort_vms(o);
		if (o->format == JSON) {
			print_vms_json();
		} else {
			if (n)
				putchar('\n');
			print_vms();
		}
		finish(stdout);
	}
	return EXIT_SUCCESS;
}
