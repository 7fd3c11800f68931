// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a guest causes exact numbers of exits, and the host finds these
 * numbers in the vCPU's binary statistics and in the VM's table in debugfs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <asm/svm.h>
#include <asm/vmx.h>

#include "test_util.h"

#include "kvm_util.h"
#include "processor.h"

#define SWITCH		"/sys/module/kvm/parameters/exit_stats"
#define STATISTIC	"exits_by_reason"
#define ROWS		182
#define EXITS		1000
#define UNUSED_PORT	0x80

static void guest_code(void)
{
	uint32_t eax, ebx, ecx, edx;
	int i;

	for (i = 0; i < EXITS; i++)
		__cpuid(0, 0, &eax, &ebx, &ecx, &edx);
	for (i = 0; i < 2 * EXITS; i++)
		asm volatile("outb %%al, %%dx" : : "a"(0), "d"(UNUSED_PORT));
	GUEST_DONE();
}

/* The exits of all rows, from the vCPU's statistics. */
static void read_statistics(struct kvm_vcpu *vcpu, uint64_t *exits)
{
	int fd = __vcpu_ioctl(vcpu, KVM_GET_STATS_FD, NULL);
	struct kvm_stats_desc *all, *desc = NULL;
	struct kvm_stats_header header;
	int i;

	TEST_ASSERT(fd >= 0, "no statistics of the vCPU");
	read_stats_header(fd, &header);
	all = read_stats_descriptors(fd, &header);
	for (i = 0; i < header.num_desc; i++) {
		desc = get_stats_descriptor(all, i, &header);
		if (!strcmp(desc->name, STATISTIC))
			break;
	}
	TEST_ASSERT(i < header.num_desc, "there is no statistic " STATISTIC);
	TEST_ASSERT(desc->size == ROWS, "%u rows", desc->size);
	read_stat_data(fd, &header, desc, exits, ROWS);
	free(all);
	close(fd);
}

/* Exits of a reason, from the VM's table in debugfs; -1 if there is no table. */
static uint64_t debugfs_exits(struct kvm_vm *vm, uint32_t wanted)
{
	uint64_t exits, found = 0;
	char path[128], line[512];
	uint32_t reason;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/exit_stats",
		 getpid(), vm->fd);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%u %*s %lu", &reason, &exits) == 2 &&
		    reason == wanted)
			found = exits;
	fclose(file);
	return found;
}

/* The first element of @exits is not used. */
static void check(struct kvm_vm *vm, const uint64_t *exits, uint32_t reason,
		  uint64_t expected)
{
	uint64_t table = debugfs_exits(vm, reason);

	TEST_ASSERT(exits[reason + 1] == expected,
		    "reason %u: %lu exits, not %lu", reason, exits[reason + 1],
		    expected);
	if (table == -1ull)
		pr_info("no debugfs: the table is not checked\n");
	else
		TEST_ASSERT(table == expected, "reason %u: %lu exits in debugfs",
			    reason, table);
}

int main(int argc, char *argv[])
{
	uint64_t exits[ROWS];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	struct ucall uc;
	char on = 'N';
	FILE *file;
	bool svm;

	file = fopen(SWITCH, "r");
	if (file) {
		on = fgetc(file);
		fclose(file);
	}
	TEST_REQUIRE(on == 'Y');

	svm = !access("/sys/module/kvm_amd", F_OK);
	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	do {
		vcpu_run(vcpu);
		TEST_ASSERT(vcpu->run->exit_reason == KVM_EXIT_IO,
			    "unexpected exit to userspace: %u (%s)",
			    vcpu->run->exit_reason,
			    exit_reason_str(vcpu->run->exit_reason));
	} while (vcpu->run->io.port == UNUSED_PORT);
	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE,
		    "unexpected ucall %lu", uc.cmd);

	read_statistics(vcpu, exits);
	check(vm, exits, svm ? SVM_EXIT_CPUID : EXIT_REASON_CPUID, EXITS);
	/* The guest reports its end by one more exit for I/O. */
	check(vm, exits, svm ? SVM_EXIT_IOIO : EXIT_REASON_IO_INSTRUCTION,
	      2 * EXITS + 1);

	kvm_vm_free(vm);
	return 0;
}
