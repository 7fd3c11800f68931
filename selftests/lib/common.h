/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What nearly all tests use.
 */
#ifndef _COMMON_H
#define _COMMON_H

#include "leaves.h"
#include "system.h"
#include "table.h"

#endif /* _COMMON_H */
