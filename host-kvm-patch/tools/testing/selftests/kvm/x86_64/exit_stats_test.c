// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a guest that causes exact numbers of exits finds these
 * numbers in its CPUID leaves, and the host finds them in debugfs.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <asm/kvm_vmexit.h>
#include <asm/svm.h>
#include <asm/vmx.h>

#include "test_util.h"

#include "kvm_util.h"
#include "processor.h"

#define SWITCH		"/sys/module/kvm/parameters/exit_stats"
#define EXITS		1000
#define UNUSED_PORT	0x80

enum {
	SIGNATURE,
	CPUID_EXITS,
	IO_EXITS,
	VCPU_EXITS,
	SNAPSHOT,
	UNDEFINED,
	LAST,
	STAGES,
};

struct regs {
	uint32_t eax, ebx, ecx, edx;
};

static struct regs ask(uint32_t leaf, uint32_t index)
{
	struct regs r;

	__cpuid(leaf, index, &r.eax, &r.ebx, &r.ecx, &r.edx);
	return r;
}

static uint64_t exits(uint32_t reason)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_REASON, reason);

	return r.eax | (uint64_t)r.edx << 32;
}

static uint64_t vcpu_exits(uint32_t row)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_VCPU, row);

	return r.eax | (uint64_t)(r.ebx & 0xffff) << 32;
}

static uint64_t snapshot_rest(void)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	uint64_t rest = r.ecx | (uint64_t)r.edx << 32;
	uint32_t i, nr = r.eax & 0xff;

	if (!nr || r.eax >> 8 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		return -1;
	for (i = 0; i < nr; i++) {
		r = ask(KVM_VMEXIT_LEAF_ROW, i);
		rest -= r.eax | (uint64_t)(r.ebx & 0xffffff) << 32;
	}
	return rest;
}

static void guest_code(void)
{
	bool svm = ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ecx == KVM_VMEXIT_ISA_SVM;
	uint32_t cpuid = svm ? SVM_EXIT_CPUID : EXIT_REASON_CPUID;
	uint32_t io = svm ? SVM_EXIT_IOIO : EXIT_REASON_IO_INSTRUCTION;
	uint64_t before;
	struct regs r;
	int i;

	r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);
	GUEST_SYNC_ARGS(SIGNATURE, r.ebx, r.ecx, r.edx, 0);

	/* The CPUID that reads the count again is an exit, too. */
	before = exits(cpuid);
	for (i = 0; i < EXITS; i++)
		ask(0, 0);
	GUEST_SYNC_ARGS(CPUID_EXITS, exits(cpuid) - before, EXITS + 1, 0, 0);

	before = exits(io);
	for (i = 0; i < EXITS; i++)
		asm volatile("outb %%al, %%dx" : : "a"(0), "d"(UNUSED_PORT));
	GUEST_SYNC_ARGS(IO_EXITS, exits(io) - before, EXITS, 0, 0);

	/* The vCPU leaf leaves out the exits that read it. */
	before = vcpu_exits(cpuid);
	for (i = 0; i < EXITS; i++)
		ask(0, 0);
	GUEST_SYNC_ARGS(VCPU_EXITS, vcpu_exits(cpuid) - before, EXITS, 0, 0);

	GUEST_SYNC_ARGS(SNAPSHOT, snapshot_rest(), 0, 0, 0);

	r = ask(KVM_VMEXIT_LEAF_REASON, svm ? 0xa7 : 35);
	GUEST_SYNC_ARGS(UNDEFINED, r.edx, KVM_VMEXIT_UNDEFINED,
			r.eax | r.ebx | r.ecx, 0);

	/* Read the count of CPUID last: nothing changes it after that. */
	before = exits(io);
	GUEST_SYNC_ARGS(LAST, cpuid, exits(cpuid), io, before);
}

/* Exits of a reason, from the VM's table in debugfs. */
static uint64_t debugfs_exits(struct kvm_vm *vm, uint32_t wanted)
{
	uint64_t exits, found = 0;
	char path[128], line[512];
	uint32_t reason;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/exit_stats",
		 getpid(), vm->fd);
	file = fopen(path, "r");
	TEST_ASSERT(file, "no %s", path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%u %*s %lu", &reason, &exits) == 2 &&
		    reason == wanted)
			found = exits;
	fclose(file);
	return found;
}

static void check(struct kvm_vm *vm, int stage, const uint64_t *arg)
{
	uint32_t signature[] = { arg[0], arg[1], arg[2] };
	uint64_t found;

	switch (stage) {
	case SIGNATURE:
		TEST_ASSERT(!memcmp(signature, KVM_VMEXIT_SIGNATURE, 12),
			    "signature is %.12s", (char *)signature);
		break;
	case LAST:
		found = debugfs_exits(vm, arg[0]);
		TEST_ASSERT(found == arg[1], "CPUID: %lu exits in debugfs, %lu in the guest",
			    found, arg[1]);
		/* The guest read this count before its report caused one more exit. */
		found = debugfs_exits(vm, arg[2]);
		TEST_ASSERT(found == arg[3] + 1, "I/O: %lu exits in debugfs, %lu in the guest",
			    found, arg[3] + 1);
		break;
	default:
		TEST_ASSERT(arg[0] == arg[1] && !arg[2],
			    "stage %d: 0x%lx is not 0x%lx, or 0x%lx not zero",
			    stage, arg[0], arg[1], arg[2]);
	}
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	struct ucall uc;
	char on = 'N';
	FILE *file;
	int stage;

	file = fopen(SWITCH, "r");
	if (file) {
		on = fgetc(file);
		fclose(file);
	}
	TEST_REQUIRE(on == 'Y');

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);

	for (stage = 0; stage < STAGES;) {
		vcpu_run(vcpu);
		TEST_ASSERT(vcpu->run->exit_reason == KVM_EXIT_IO,
			    "unexpected exit to userspace: %u (%s)",
			    vcpu->run->exit_reason,
			    exit_reason_str(vcpu->run->exit_reason));
		if (vcpu->run->io.port == UNUSED_PORT)
			continue;

		TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_SYNC,
			    "unexpected ucall %lu", uc.cmd);
		TEST_ASSERT(uc.args[1] == stage, "stage %lu comes before %d",
			    uc.args[1], stage);
		check(vm, stage, &uc.args[2]);
		stage++;
	}

	kvm_vm_free(vm);
	return 0;
}
