/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's test harness, with timeouts that a kernel with debugging in it
 * can keep: the lab passes the factor by which it is slower.
 */
#ifndef _HARNESS_H
#define _HARNESS_H

#include <stdlib.h>

#include "kselftest_harness.h"

static inline int seconds(int n)
{
	return n * atoi(getenv("slowness") ?: "1");
}

/* TEST_F_TIMEOUT() is given seconds(). */
#undef TEST_F
#define TEST_F(fixture, test) \
	TEST_F_TIMEOUT(fixture, test, seconds(TEST_TIMEOUT_DEFAULT))

#endif /* _HARNESS_H */
