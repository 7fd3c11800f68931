// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits check: whether the counts can be read, and what is missing.
 *
 * Each finding says only what can be known here.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "program.h"
#include "host_leaves.h"
#include "reasons.h"

#define LOCKDOWN	"/sys/kernel/security/lockdown"
#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define MODULE		"/sys/module/kvm_exits"
#define KVM		"/sys/module/kvm"
#define ATTACHED	"/sys/module/kvm_exits_host"
#define TRACEPOINT	"events/kvm_exits/vm_exit"

/* A note is neither good nor bad. */
enum result { OK, NOTE, MISSING, UNCLEAR };

static const char * const results[] = {
	[OK] = "ok",
	[NOTE] = "note",
	[MISSING] = "missing",
	[UNCLEAR] = "unknown",
};

static struct finding {
	const char *name;
	enum result result;
	char found[256];
	const char *next;	/* the next step, or NULL */
} findings[20];

static unsigned int nr_findings;

static void find(const char *name, enum result result, const char *next,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void find(const char *name, enum result result, const char *next,
		 const char *fmt, ...)
{
	struct finding *f = &findings[nr_findings++];
	va_list args;

	f->name = name;
	f->result = result;
	f->next = next;
	va_start(args, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, args);
	va_end(args);
}

/* The first line of a file; false with errno. */
static bool line_of(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	*buf = '\0';
	if (!f)
		return false;
	errno = 0;
	ok = fgets(buf, size, f);
	buf[strcspn(buf, "\n")] = '\0';
	fclose(f);
	return ok;
}

/* False if there is no hypervisor that could have counts of this machine. */
static bool check_hypervisor(void)
{
	char name[SIGNATURE_LEN];
	bool in_vm = cpuid_in_vm();
	unsigned int i;
	u32 base;

	if (!in_vm) {
		find("virtual machine", NOTE, NULL,
		     "no, or the hypervisor hides itself: this machine has no exits of its own to show");
		return false;
	}
	find("virtual machine", OK, NULL, "yes");

	base = cpuid_hypervisor(name);
	for (i = 0; name[i]; i++)
		if (!isprint((unsigned char)name[i]))
			name[i] = '?';
	if (!base) {
		find("hypervisor", MISSING,
		     "only KVM counts exits for its guests; ask the operator whether this is KVM that hides itself",
		     "\"%s\", not KVM", name);
		return false;
	}
	if (strcmp(name, "KVMKVMKVM"))
		find("hypervisor", OK, NULL, "KVM, which presents itself as \"%s\" first",
		     name);
	else
		find("hypervisor", OK, NULL, "KVM");
	return true;
}

static void list_features(char *buf, size_t size, u32 features)
{
	static const struct {
		u32 bit;
		const char *name;
	} names[] = {
		{ KVM_VMEXIT_FEAT_CYCLES, "time in KVM" },
		{ KVM_VMEXIT_FEAT_STOPPED, "stops" },
		{ KVM_VMEXIT_FEAT_VCPU, "counts of a vCPU" },
		{ KVM_VMEXIT_FEAT_ACCESS, "restriction to the kernel" },
		{ KVM_VMEXIT_FEAT_MAX, "resetting of maxima" },
		{ KVM_VMEXIT_FEAT_SAMPLE, "samples" },
	};
	unsigned int i;
	size_t n = 0;

	*buf = '\0';
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (features & names[i].bit)
			n += snprintf(buf + n, size - n, "%s%s", n ? ", " : "",
				      names[i].name);
}

static void check_leaves(bool file_works)
{
	struct cpuid_regs r;
	char features[128];

	if (!kvm_exits_signed() && file_works) {
		find("CPUID leaves", NOTE, NULL,
		     "for the kernel alone: the module or the host has restricted them");
		return;
	}
	if (!kvm_exits_signed()) {
		find("CPUID leaves", MISSING,
		     "run kvm-exits check on the host, or ask its operator to",
		     "none: the host's KVM is not the patched one, or hides them from this guest or from its processes; inside the guest this cannot be known");
		return;
	}

	r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_INTERFACE, 0);
	if (r.eax < KVM_VMEXIT_VERSION) {
		find("CPUID leaves", MISSING,
		     "update the host's KVM, or use an older kvm-exits",
		     "version %u of the interface, but this program knows %u and later ones",
		     r.eax, KVM_VMEXIT_VERSION);
		return;
	}
	list_features(features, sizeof(features), r.ebx);
	find("CPUID leaves", OK, NULL, "version %u: %s", r.eax,
	     *features ? features : "no optional feature");

	r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_VM, 0);
	if (!(r.ecx & KVM_VMEXIT_VM_OFF))
		find("counting", OK, NULL, "on, generation %u", r.eax);
	else
		find("counting", MISSING,
		     "on the host, as root: echo Y >/sys/module/kvm/parameters/exit_stats",
		     "the host does not count at present");
}

static bool installed(const char *release)
{
	char path[256], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	f = fopen(path, "re");
	while (f && !found && getline(&line, &size, f) > 0)
		found = strstr(line, "kvm_exits.ko");
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* What may keep the kernel from loading a module that has no known signature. */
static void check_lockdown(void)
{
	char line[128];
	u8 var[5];
	int fd;

	if (line_of(LOCKDOWN, line, sizeof(line)) && !strstr(line, "[none]"))
		find("lockdown", NOTE,
		     "the module needs a signature by a key that this machine trusts: see mokutil(1)",
		     "%s", line);
	/* Four bytes of attributes come first. */
	fd = open(SECURE_BOOT, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, var, sizeof(var)) == sizeof(var) && var[4])
		find("Secure Boot", NOTE,
		     "the module needs a signature by a key that this machine trusts: see mokutil(1)",
		     "on");
	close(fd);
}

static void check_module(void)
{
	struct utsname u;

	if (!access(MODULE, F_OK)) {
		find("module kvm_exits", OK, NULL, "loaded");
		return;
	}
	uname(&u);
	if (installed(u.release))
		find("module kvm_exits", NOTE,
		     "as root: modprobe kvm_exits; if that fails, dmesg has the reason",
		     "installed for Linux %s, not loaded", u.release);
	else
		find("module kvm_exits", NOTE,
		     "if it is wanted: guest-module/README.md has how to build it",
		     "neither loaded nor installed for Linux %s", u.release);
	check_lockdown();
}

/* Report on the file that the module makes.  @ok: the program could read it. */
static void check_file(bool ok, const struct table *t)
{
	if (ok)
		find(PROC_TABLE, OK, NULL, "can be read");
	else if (t->errnum == EACCES)
		find(PROC_TABLE, MISSING,
		     "become root or a member of its group: see ls -l " PROC_TABLE,
		     "only root and its group may read it");
	else if (t->errnum == ENODEV)
		find(PROC_TABLE, MISSING,
		     "ask the operator of the host; after a migration another host may not count",
		     "the host does not count exits (any more)");
	else if (t->errnum == ENOENT)
		find(PROC_TABLE, NOTE, NULL, "is not there: the module makes it");
	else
		find(PROC_TABLE, MISSING, NULL, "%s", t->error);
}

static void check_perf(void)
{
	char paranoid[16];
	int fd = pmu_open("exits", getpid());

	if (fd >= 0) {
		close(fd);
		find("perf events", OK, NULL, "can be counted");
		return;
	}
	if ((errno == EACCES || errno == EPERM) &&
	    line_of("/proc/sys/kernel/perf_event_paranoid", paranoid,
		    sizeof(paranoid)))
		find("perf events", MISSING,
		     "run it as root, or as root: sysctl kernel.perf_event_paranoid=1",
		     "not permitted for this user: perf_event_paranoid is %s",
		     paranoid);
	else
		find("perf events", MISSING, NULL, "%s", pmu_error(errno));
}

static void check_tracepoint(void)
{
	static const char * const dirs[] = {
		"/sys/kernel/tracing/" TRACEPOINT,
		"/sys/kernel/debug/tracing/" TRACEPOINT,
	};
	bool denied = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (!access(dirs[i], F_OK)) {
			find("tracepoint", OK, NULL, "kvm_exits:vm_exit");
			return;
		}
		denied |= errno == EACCES;
	}
	if (denied)
		find("tracepoint", UNCLEAR, "run kvm-exits check as root",
		     "tracefs cannot be read by this user");
	else
		find("tracepoint", NOTE, NULL,
		     "not there: the host has no samples, or tracefs is not mounted");
}

/* Whether a guest can read its counts: N, kernel or Y, or an empty string. */
static void access_of(char buf[16], const char *dir, const char *vm)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/exit_stats_access", dir, vm);
	line_of(path, buf, 16);
}

/* The directory of the VMs, or NULL. */
static DIR *check_debugfs(const struct options *o)
{
	DIR *dir = opendir(o->debugfs);

	if (!dir)
		find("debugfs", errno == EACCES ? UNCLEAR : MISSING,
		     errno == EACCES ? "run kvm-exits check as root" :
		     "as root: mount -t debugfs none /sys/kernel/debug",
		     "%s: %s", o->debugfs, strerror(errno));
	else
		find("debugfs", OK, NULL, "%s can be read", o->debugfs);
	return dir;
}

/* Whether the counts of a VM can be read. */
static bool check_vms(const struct options *o)
{
	unsigned int nr = 0, all = 0, kernel = 0, none = 0;
	char more, path[512], answer[16];
	DIR *dir = check_debugfs(o);
	struct table t = {};
	bool ok = false;
	struct dirent *e;
	int pid, fd;

	if (!dir)
		return false;
	while ((e = readdir(dir))) {
		if (sscanf(e->d_name, "%d-%d%c", &pid, &fd, &more) != 2)
			continue;
		nr++;
		snprintf(path, sizeof(path), "%s/%s/exit_stats", o->debugfs,
			 e->d_name);
		ok |= table_read(&t, TABLE, path);
		access_of(answer, o->debugfs, e->d_name);
		all += *answer == 'Y';
		kernel += *answer == 'k';
		none += *answer == 'N';
	}
	closedir(dir);
	table_free(&t);
	if (!nr)
		find("VMs", NOTE, NULL, "none runs now");
	else if (all + kernel + none == nr)
		find("VMs", ok ? OK : MISSING, NULL,
		     "%u: %u see their counts, %u in their kernels alone, %u do not",
		     nr, all, kernel, none);
	else
		find("VMs", ok ? OK : MISSING, NULL, "%u, %s", nr, ok ?
		     "with counts" : "without counts");
	return ok;
}

/* The parameter of the patched KVM cannot be read.  @absent: it does not exist. */
static void check_stock(const struct options *o, bool absent)
{
	DIR *dir;

	if (!absent) {
		find("as a host", UNCLEAR, "run kvm-exits check as root",
		     "the parameters of KVM cannot be read");
		return;
	}
	find("as a host", NOTE, tracepoints_built ?
	     "as root, kvm-exits vms uses its tracepoints; better: make -C host-kvm-patch install" :
	     "make -C host-kvm-patch install, or use a kvm-exits that is built with libbpf",
	     "a KVM without exit statistics is loaded");
	/* It is in the tracepoints that vms counts, but in debugfs that it finds the VMs. */
	dir = check_debugfs(o);
	if (dir)
		closedir(dir);
}

/* Say what this machine is as a host.  Return whether counts of a VM can be read. */
static bool check_host(const struct options *o)
{
	bool attached = !access(ATTACHED "/parameters", F_OK);
	const char *how = attached ? "a module is attached to the stock KVM" :
				     "the patched KVM is loaded";
	char line[16];

	if (access(KVM "/parameters", F_OK)) {
		find("as a host", NOTE, NULL, "it runs no VMs: KVM is not loaded");
		return false;
	}
	if (!line_of(attached ? ATTACHED "/parameters/exit_stats" :
		     KVM "/parameters/exit_stats", line, sizeof(line))) {
		check_stock(o, errno == ENOENT);
		return false;
	}
	if (*line == 'Y')
		find("as a host", OK, NULL, "%s, and counts", how);
	else
		find("as a host", MISSING, attached ?
		     "as root: echo Y >" ATTACHED "/parameters/exit_stats" :
		     "as root: echo Y >" KVM "/parameters/exit_stats",
		     "%s, but does not count", how);
	if (line_of(attached ? ATTACHED "/parameters/exit_stats_guest" :
		    KVM "/parameters/exit_stats_guest", line, sizeof(line)))
		find("new VMs", NOTE, NULL, "%s", *line == 'Y' ?
		     "see their counts" : *line == 'k' ?
		     "see their counts in their kernels alone" :
		     "do not see their counts");
	return check_vms(o);
}

/* The result: choose a source and read it, as every other command does. */
static bool check_counts(const struct options *o, bool of_vms)
{
	struct options own = { .debugfs = o->debugfs };
	struct table t = {};
	bool ok;

	source_choose(&own, false);
	ok = source_read(&own, &t);
	table_free(&t);
	if (ok)
		find("counts", OK, NULL, "can be read, from the %s",
		     own.source->name);
	else if (of_vms)
		find("counts", OK, "kvm-exits vms", "can be read, those of VMs");
	else
		find("counts", MISSING, NULL, "cannot be read");
	return ok || of_vms;
}

static void print_findings(const struct options *o, bool readable)
{
	const struct finding *f;
	char label[16], text[512];
	unsigned int i;

	if (o->format == JSON)
		printf("{\"version\": %d, \"readable\": %s, \"findings\": [",
		       OUTPUT_VERSION, readable ? "true" : "false");
	for (i = 0; i < nr_findings; i++) {
		f = &findings[i];
		if (o->format == TEXT) {
			snprintf(label, sizeof(label), "%-8s",
				 results[f->result]);
			snprintf(text, sizeof(text), "%s: %s", f->name, f->found);
			print_wrapped(label, text);
			if (f->next)
				print_wrapped("     -> ", f->next);
			continue;
		}
		printf("%s{\"name\": \"%s\", \"result\": \"%s\", \"found\": ",
		       i ? ", " : "", f->name, results[f->result]);
		print_json_string(stdout, f->found);
		fputs(", \"next\": ", stdout);
		if (f->next)
			print_json_string(stdout, f->next);
		else
			fputs("null", stdout);
		putchar('}');
	}
	if (o->format == JSON)
		puts("]}");
	finish(stdout);
}

int cmd_check(const struct options *o)
{
	struct table t = {};
	bool file, readable;

	file = table_read(&t, TABLE, PROC_TABLE);
	if (!cpuid_enabled())
		find("CPUID", MISSING,
		     "run kvm-exits outside the debugger or sandbox",
		     "is turned off for this process: see arch_prctl(2)");
	else if (check_hypervisor())
		check_leaves(file);
	check_module();
	check_file(file, &t);
	if (!access(MODULE, F_OK)) {
		check_perf();
		check_tracepoint();
	}
	readable = check_host(o);
	readable = check_counts(o, readable);
	print_findings(o, readable);
	table_free(&t);
	return readable ? EXIT_SUCCESS : EXIT_FAILURE;
}
