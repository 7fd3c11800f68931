/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The explanations of the reasons.
 */
#ifndef REASONS_H
#define REASONS_H

#include <stdbool.h>

/* Reasons with the same cause, of both vendors. */
enum family {
	APIC, BUSLOCK, CACHE, CONTROL, CPUID, DEBUG, DESCRIPTOR, DIRTY,
	ENCRYPTED, EOI, EXCEPTION, HOSTINT, HYPERCALL, IDLE, IO, MEMORY, MMIO, MSR,
	MSRREAD, MWAIT, NESTED, NMI, OTHER, PMC, RANDOM, SHADOW, SMM, SPIN, TIMER,
	TSC, WINDOW, FAMILIES
};

struct reason {
	const char *names;	/* of both vendors, separated by spaces */
	enum family family;
	const char *what;
	const char *normal;
	const char *much;
	const char *source;
};

const struct reason *reason_find(const char *name);
bool is_sleep(const char *name);
void print_wrapped(const char *label, const char *text);

#endif /* REASONS_H */
