// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash KERNEL INITRD CMDLINE: in the guest, crash while the exits of all reasons are
 * sampled.  The kernel that boots then prints the result.
 */
#include <linux/kexec.h>
#include <sys/syscall.h>

#include "common.h"

#define PARAMETERS	"/sys/module/kvm_exits/parameters/"

static bool load(char **argv)
{
	int kernel = open(argv[1], O_RDONLY), initrd = open(argv[2], O_RDONLY);

	return !syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1,
			argv[3], KEXEC_FILE_ON_CRASH);
}

int main(int argc, char **argv)
{
	pid_t child;

	if (argc != 4) {
		fprintf(stderr, "usage: crash KERNEL INITRD CMDLINE\n");
		return 2;
	}
	if (!load(argv)) {
		perror("crash: cannot load the kernel");
		return 1;
	}
	if (!write_to(PARAMETERS "sample_reasons", "all") ||
	    !write_to(PARAMETERS "sample_period", "10") ||
	    !write_to(SAMPLE_EVENT, "1")) {
		perror("crash: cannot sample");
		return 1;
	}
	/* Cause exits all the time, so that a sample is due at each moment. */
	start_asking(&child, 1);
	sleep(1);
	write_to("/proc/sysrq-trigger", "c");
	fprintf(stderr, "crash: there was no crash\n");
	return 1;
}
