// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench [-c VCPUS] EXIT...: what VM exits cost, from the guest and back, in cycles of
 * the TSC.  Prints a line "EXIT CYCLES" for each: the median of many.
 */
#include "bench_vm.h"

int main(int argc, char **argv)
{
	int vcpus = 1;

	if (getopt(argc, argv, "c:") == 'c')
		vcpus = atoi(optarg);
	if (vcpus < 1 || vcpus > VCPUS || optind == argc) {
		fprintf(stderr, "usage: bench [-c VCPUS] EXIT...\n");
		return 2;
	}

	create_vm(vcpus);
	warm_up(vcpus);

	for (; optind < argc; optind++)
		printf("%s %llu\n", argv[optind], run(0, find(argv[optind]), ROUNDS));
	return 0;
}
