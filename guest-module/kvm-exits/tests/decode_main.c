// SPDX-License-Identifier: GPL-2.0-only
/*
 * For test_who.py: print what an exit was about, for each line "REASON DETAIL".
 */
#include "who.h"

int failed = 1;

int main(void)
{
	char reason[NAME_LEN], what[WHAT_LEN];
	unsigned long long detail;

	while (scanf("%31s %llx", reason, &detail) == 2)
		puts(decode(what, reason, detail));
	return 0;
}
