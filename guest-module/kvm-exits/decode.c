// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit was about, in words: the port, the MSR, the device.
 *
 * The names of numbers are in names/.  What this machine has is read from
 * /proc/ioports, /proc/iomem and sysfs.
 */
#include <err.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "who.h"

struct name {
	u64 first, last;
	const char *text;
};

#include "names.inc"

#ifndef SYSTEM_ROOT
#define SYSTEM_ROOT	""
#endif
#define APIC_PAGE	0xfee00000ull
#define PAGE		0x1000

/* A line of /proc/ioports or /proc/iomem.  The resources inside this one follow it. */
struct resource {
	u64 first, last;
	bool device;		/* the name is that of the driver, with the address */
	char *name;
};

struct resources {
	const char *file;
	bool read;
	struct resource *resource;
	unsigned int nr;
};

static const char *name_in(const struct name *names, u64 number)
{
	for (; names->text; names++)
		if (number >= names->first && number <= names->last)
			return names->text;
	return NULL;
}

static bool has_driver(const char *device, char *name, size_t size)
{
	char target[PATH_MAX], *link;
	ssize_t n;

	if (asprintf(&link, SYSTEM_ROOT "/sys/%s/driver", device) < 0)
		errx(failed, "no memory");
	n = readlink(link, target, sizeof(target) - 1);
	free(link);
	if (n < 0)
		return false;
	target[n] = '\0';
	link = strrchr(target, '/');
	snprintf(name, size, "%.*s", (int)size - 1, link ? link + 1 : target);
	return true;
}

/* The driver of a virtio device is one level below its transport's. */
static bool has_virtio_driver(const char *device, char *name, size_t size)
{
	bool found = false;
	char *pattern;
	glob_t g;

	if (asprintf(&pattern, SYSTEM_ROOT "/sys/%s/virtio[0-9]*", device) < 0)
		errx(failed, "no memory");
	if (!glob(pattern, 0, NULL, &g)) {
		found = has_driver(g.gl_pathv[0] + strlen(SYSTEM_ROOT "/sys/"),
				   name, size);
		globfree(&g);
	}
	free(pattern);
	return found;
}

/* The driver and the address of the resource's device; false if it has none. */
static bool device_name(const char *name, char buf[WHAT_LEN])
{
	static const char * const buses[] = { "pci", "platform", "acpi" };
	char path[PATH_MAX], driver[48];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buses); i++) {
		snprintf(path, sizeof(path), "bus/%s/devices/%s", buses[i], name);
		if (!has_virtio_driver(path, driver, sizeof(driver)) &&
		    !has_driver(path, driver, sizeof(driver)))
			continue;
		snprintf(buf, WHAT_LEN, "%s %.40s", driver,
			 strncmp(name, "0000:", 5) ? name : name + 5);
		return true;
	}
	return false;
}

static void read_resources(struct resources *r)
{
	char *line = NULL, device[WHAT_LEN];
	size_t size = 0;
	FILE *f;
	int n;

	r->read = true;
	f = fopen(r->file, "re");
	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		struct resource x = {};

		line[strcspn(line, "\n")] = '\0';
		/* Without privilege all addresses are 0. */
		if (sscanf(line, "%llx-%llx : %n", &x.first, &x.last, &n) != 2 ||
		    !x.last)
			continue;
		x.device = device_name(line + n, device);
		x.name = strdup(x.device ? device : line + n);
		r->resource = reallocarray(r->resource, r->nr + 1, sizeof(x));
		if (!x.name || !r->resource)
			errx(failed, "no memory");
		r->resource[r->nr++] = x;
	}
	free(line);
	fclose(f);
}

/* Names such as PNP0103:00 say less than the name of the resource around them. */
static bool says_nothing(const char *name)
{
	return !fnmatch("[A-Z]*[0-9A-F][0-9A-F][0-9A-F]:[0-9A-F][0-9A-F]", name, 0);
}

/* The innermost device, else the innermost name that says something, else NULL. */
static const char *resource_name(struct resources *r, u64 address)
{
	const struct resource *x, *inner = NULL;
	unsigned int i;

	if (!r->read)
		read_resources(r);
	for (i = 0; i < r->nr; i++) {
		x = &r->resource[i];
		if (address < x->first || address > x->last)
			continue;
		if (!inner || x->device ||
		    (!inner->device && !says_nothing(x->name)))
			inner = x;
	}
	return inner ? inner->name : NULL;
}

/* "0x608 ACPI PM timer", or the number alone. */
static void numbered(char buf[WHAT_LEN], const char *label, u64 number,
		     const char *name)
{
	snprintf(buf, WHAT_LEN, "%s0x%llx%s%.64s", label, number, name ? " " : "",
		 name ?: "");
}

/* "vector 253 rescheduling", or the number alone. */
static void named_vector(char buf[WHAT_LEN], const char *label, u64 vector)
{
	const char *name = name_in(vectors, vector);

	snprintf(buf, WHAT_LEN, "%svector %llu%s%s", label, vector,
		 name ? " " : "", name ?: "");
}

static void decode_port(char buf[WHAT_LEN], u64 port)
{
	static struct resources here = { .file = SYSTEM_ROOT "/proc/ioports" };
	const char *name = resource_name(&here, port);

	/* "PCI Bus 0000:00" and the like say less than the list of known ports. */
	if (!name || !strncmp(name, "PCI Bus", 7))
		name = name_in(ports, port) ?: name;
	numbered(buf, "port ", port, name);
}

static void decode_msr(char buf[WHAT_LEN], u64 msr)
{
	char name[WHAT_LEN];
	const char *known;

	if (msr >= 0x800 && msr < 0x840) {
		known = name_in(apic, (msr - 0x800) << 4);
		snprintf(name, sizeof(name), "x2APIC %s", known ?: "register");
		known = name;
	} else {
		known = name_in(msrs, msr);
	}
	numbered(buf, "", msr, known);
}

static void decode_apic(char buf[WHAT_LEN], u64 offset)
{
	offset &= 0xff0;
	numbered(buf, "APIC ", offset, name_in(apic, offset));
}

/* The register ICR, as the guest has written it. */
static void decode_ipi(char buf[WHAT_LEN], u64 icr)
{
	named_vector(buf, "IPI, ", icr & 0xff);
}

static void decode_address(char buf[WHAT_LEN], u64 address)
{
	static struct resources memory = { .file = SYSTEM_ROOT "/proc/iomem" };
	const char *name;

	if (address >= APIC_PAGE && address < APIC_PAGE + PAGE) {
		decode_apic(buf, address);
		return;
	}
	name = resource_name(&memory, address);
	/* The address in memory is of no use, because it differs each time. */
	if (name && (!strncmp(name, "System RAM", 10) ||
		     !strncmp(name, "Kernel ", 7)))
		snprintf(buf, WHAT_LEN, "memory");
	else
		numbered(buf, "", address & ~(u64)(PAGE - 1), name);
}

static void decode_vector(char buf[WHAT_LEN], u64 vector)
{
	const char *name = name_in(exceptions, vector);

	if (name)
		snprintf(buf, WHAT_LEN, "%s", name);
	else
		named_vector(buf, "", vector);
}

static void decode_leaf(char buf[WHAT_LEN], u64 leaf)
{
	numbered(buf, "leaf ", leaf, name_in(leaves, leaf));
}

static void decode_hypercall(char buf[WHAT_LEN], u64 number)
{
	const char *name = name_in(hypercalls, number);

	if (name)
		snprintf(buf, WHAT_LEN, "%llu %s", number, name);
	else
		snprintf(buf, WHAT_LEN, "%llu", number);
}

/* See "Exit Qualification for Control-Register Accesses" in the SDM, volume 3. */
static void decode_cr(char buf[WHAT_LEN], u64 qualification)
{
	static const char * const access[] = {
		"write CR", "read CR", "CLTS, CR", "LMSW, CR",
	};

	snprintf(buf, WHAT_LEN, "%s%llu", access[qualification >> 4 & 3],
		 qualification & 0xf);
}

static void decode_dr(char buf[WHAT_LEN], u64 qualification)
{
	snprintf(buf, WHAT_LEN, "%s DR%llu",
		 qualification & 0x10 ? "read" : "write", qualification & 7);
}

static void decode_host(char buf[WHAT_LEN], u64 detail)
{
	(void)detail;
	snprintf(buf, WHAT_LEN, "host");
}

/* For reasons whose detail says nothing: only the code that exited is of interest. */
static void decode_nothing(char buf[WHAT_LEN], u64 detail)
{
	(void)detail;
	*buf = '\0';
}

static void decode_number(char buf[WHAT_LEN], u64 detail)
{
	*buf = '\0';
	if (detail)
		numbered(buf, "", detail, NULL);
}

static const struct {
	const char *reasons;	/* patterns */
	void (*decode)(char buf[WHAT_LEN], u64 detail);
} decoders[] = {
	{ "IO", decode_port },
	{ "IO_INSTRUCTION", decode_port },
	{ "MSR*", decode_msr },
	{ "RDMSR*", decode_msr },
	{ "WRMSR*", decode_msr },
	{ "NPF", decode_address },
	{ "EPT_VIOLATION", decode_address },
	{ "EPT_MISCONFIG", decode_address },
	{ "*_EXCP", decode_vector },
	{ "EXCEPTION_NMI", decode_vector },
	{ "CPUID", decode_leaf },
	{ "VMCALL", decode_hypercall },
	{ "HYPERCALL", decode_hypercall },
	{ "CR_ACCESS", decode_cr },
	{ "DR_ACCESS", decode_dr },
	{ "APIC_*", decode_apic },
	{ "AVIC_UNACCELERATED_ACCESS", decode_apic },
	{ "AVIC_INCOMPLETE_IPI", decode_ipi },
	{ "EOI_INDUCED", decode_vector },
	{ "EXTERNAL_INTERRUPT", decode_host },
	{ "INTERRUPT", decode_host },
	{ "NMI", decode_host },
	{ "HLT", decode_nothing },
	{ "PAUSE*", decode_nothing },
	{ "WBINVD*", decode_nothing },
	{ "INVLPG*", decode_nothing },
	{ "XSETBV", decode_nothing },
	{ "READ_CR*", decode_nothing },
	{ "WRITE_CR*", decode_nothing },
	{ "CR0_SEL_WRITE", decode_nothing },
	{ "READ_DR*", decode_nothing },
	{ "WRITE_DR*", decode_nothing },
	{ "PREEMPTION_TIMER", decode_nothing },
	{ "*", decode_number },
};

/**
 * decode() - what an exit was about
 * @buf: for the text
 * @reason: the name of the reason
 * @detail: of the sample
 *
 * Return: the text, which is empty if there is nothing to say.
 */
const char *decode(char buf[WHAT_LEN], const char *reason, u64 detail)
{
	unsigned int i;

	for (i = 0; fnmatch(decoders[i].reasons, reason, 0); i++)
		;
	decoders[i].decode(buf, detail);
	return buf;
}
