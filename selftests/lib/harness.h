/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's test harness, with longer timeouts on a debug kernel: the lab passes
 * the factor by which such a kernel is slower.
 */
#ifndef _HARNESS_H
#define _HARNESS_H

#include <stdlib.h>

#include "kselftest_harness.h"

static inline int seconds(int n)
{
	return n * atoi(getenv("slowness") ?: "1");
}

/* A test with TEST_F_TIMEOUT() passes seconds() itself. */
#undef TEST_F
#define TEST_F(fixture, test) \
	TEST_F_TIMEOUT(fixture, test, seconds(TEST_TIMEOUT_DEFAULT))

#endif /* _HARNESS_H */
