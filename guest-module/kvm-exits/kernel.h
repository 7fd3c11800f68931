/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the kernel that the files shared with it need, for user space.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <asm/types.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;

#define GENMASK_ULL(high, low)	(~0ull >> (63 - (high)) & ~0ull << (low))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define strscpy(to, from, n)	snprintf(to, n, "%s", from)

/* A program cannot keep others from its CPU: see leaves_source.c. */
#define preempt_disable()			do { } while (0)
#define preempt_enable()			do { } while (0)
#define lockdep_assert_preemption_disabled()	do { } while (0)

static inline u64 max(u64 a, u64 b)
{
	return a > b ? a : b;
}

struct seq_file {
	FILE *file;
};

#define seq_printf(m, ...)	fprintf((m)->file, __VA_ARGS__)
#define seq_putc(m, c)		putc(c, (m)->file)

#endif /* KERNEL_H */
