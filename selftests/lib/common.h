/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What nearly all tests use.
 */
#ifndef _COMMON_H
#define _COMMON_H

#include <signal.h>

#include "cpuid_leaves.h"
#include "system.h"
#include "table.h"

/* Start a process on each of @n CPUs that causes exits for CPUID all the time. */
static inline void start_asking(pid_t *child, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		pin(i);
		for (;;)
			ask(0, 0);
	}
}

/* Kill the children.  wait() then says that they have failed. */
static inline void stop_asking(const pid_t *child, int n)
{
	while (n--)
		kill(child[n], SIGKILL);
}

#endif /* _COMMON_H */
