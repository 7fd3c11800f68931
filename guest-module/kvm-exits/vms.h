/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs of a host, for the list and for the screen.
 */
#ifndef VMS_H
#define VMS_H

#include "program.h"

#define LISTED_NAME	24

struct vm {
	char *path;
	pid_t pid;
	int fd;			/* of the VM, in its VMM */
	char name[256];
	struct table then;
	struct table now;
	struct table last;
	bool counted;		/* @last holds the last interval */
	bool seen;
};

enum vm_order { BY_RATE, BY_CPU, BY_NAME, BY_PID };

extern struct vm *vms;
extern unsigned int nr_vms;
extern enum vm_order vm_order;
extern bool vm_reverse;

const char *read_vms(const struct options *o);
void sort_vms(const struct options *o);
const char *format_vm_heading(char *buf, size_t size);
const char *format_vm(char *buf, size_t size, const struct vm *vm);
int vms_screen(const struct options *o);

#endif /* VMS_H */
