// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a guest that causes exact numbers of exits finds these
 * numbers in its CPUID leaves, and gets a sample of every n-th exit.  If the guest may
 * not read its statistics, it finds neither leaves nor MSRs.
 */
#include <errno.h>
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
#define PERIOD		10
#define UNUSED_PORT	0x80

enum {
	SIGNATURE,
	CPUID_EXITS,
	IO_EXITS,
	VCPU_EXITS,
	SNAPSHOT,
	UNDEFINED,
	ACCESS,
	ACCESS_WRITTEN,
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

static uint64_t vcpu_exits(uint32_t reason)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_VCPU, reason);

	return r.eax | (uint64_t)(r.ebx & 0xffff) << 32;
}

static uint64_t snapshot_rest(void)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	uint64_t rest = r.ecx | (uint64_t)r.edx << 32;
	uint32_t i, nr = r.eax & 0xffff;

	if (!nr || r.eax >> 16 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		return -1;
	for (i = 0; i < nr; i++) {
		r = ask(KVM_VMEXIT_LEAF_ROW, i);
		rest -= r.eax | (uint64_t)(r.ebx & 0xffff) << 32;
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

	wrmsr(MSR_KVM_VMEXIT_MAX, 0);
	GUEST_SYNC_ARGS(ACCESS, rdmsr(MSR_KVM_VMEXIT_ACCESS), 0, 0, 0);
	wrmsr(MSR_KVM_VMEXIT_ACCESS, KVM_VMEXIT_ACCESS_CPL0);
	GUEST_SYNC_ARGS(ACCESS_WRITTEN, rdmsr(MSR_KVM_VMEXIT_ACCESS),
			KVM_VMEXIT_ACCESS_CPL0, 0, 0);
}

/* The guest of a VM whose statistics are for the guest's kernel alone. */
static void kernel_guest_code(void)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);

	GUEST_SYNC_ARGS(SIGNATURE, r.ebx, r.ecx, r.edx, 0);
	wrmsr(MSR_KVM_VMEXIT_ACCESS, 0);
	GUEST_SYNC_ARGS(ACCESS, rdmsr(MSR_KVM_VMEXIT_ACCESS),
			KVM_VMEXIT_ACCESS_CPL0 | KVM_VMEXIT_ACCESS_HOST, 0, 0);
}

static void hidden_guest_code(void)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);

	GUEST_SYNC_ARGS(SIGNATURE, r.ebx, r.ecx, r.edx, 0);
	rdmsr(MSR_KVM_VMEXIT_ACCESS);
}

static void sampled_guest_code(void)
{
	bool svm = ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ecx == KVM_VMEXIT_ISA_SVM;
	uint64_t io = svm ? SVM_EXIT_IOIO : EXIT_REASON_IO_INSTRUCTION;

	wrmsr(MSR_KVM_VMEXIT_SAMPLE, PERIOD | io << KVM_VMEXIT_SAMPLE_REASON_SHIFT);
	for (;;)
		asm volatile("outb %%al, %%dx" : : "a"(0), "d"(UNUSED_PORT));
}

static void check(int stage, const uint64_t *arg)
{
	uint32_t signature[] = { arg[0], arg[1], arg[2] };

	if (stage == SIGNATURE)
		TEST_ASSERT(!memcmp(signature, KVM_VMEXIT_SIGNATURE, 12),
			    "signature is %.12s", (char *)signature);
	else
		TEST_ASSERT(arg[0] == arg[1] && !arg[2],
			    "stage %d: 0x%lx is not 0x%lx, or 0x%lx not zero",
			    stage, arg[0], arg[1], arg[2]);
}

/* Run the guest to its next report. */
static void run_to_report(struct kvm_vcpu *vcpu, struct ucall *uc)
{
	do {
		vcpu_run(vcpu);
		TEST_ASSERT(vcpu->run->exit_reason == KVM_EXIT_IO,
			    "unexpected exit to userspace: %u (%s)",
			    vcpu->run->exit_reason,
			    exit_reason_str(vcpu->run->exit_reason));
	} while (vcpu->run->io.port == UNUSED_PORT);

	TEST_ASSERT(get_ucall(vcpu, uc) == UCALL_SYNC,
		    "unexpected ucall %lu", uc->cmd);
}

/* Create a VM.  @guest is who may read its statistics, KVM_VMEXIT_GUEST_*. */
static struct kvm_vm *create(uint64_t guest, struct kvm_vcpu **vcpu, void *code)
{
	struct kvm_vm *vm = vm_create(1);

	vm_enable_cap(vm, KVM_CAP_X86_VMEXIT, guest);
	*vcpu = vm_vcpu_add(vm, 0, code);
	return vm;
}

static void test_visible(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create(KVM_VMEXIT_GUEST_ALL, &vcpu, guest_code);
	struct ucall uc;
	int stage;

	for (stage = 0; stage < STAGES; stage++) {
		run_to_report(vcpu, &uc);
		TEST_ASSERT(uc.args[1] == stage, "stage %lu comes before %d",
			    uc.args[1], stage);
		check(stage, &uc.args[2]);
	}
	kvm_vm_free(vm);
}

static void test_kernel_alone(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create(KVM_VMEXIT_GUEST_KERNEL, &vcpu,
				   kernel_guest_code);
	struct ucall uc;

	run_to_report(vcpu, &uc);
	check(SIGNATURE, &uc.args[2]);
	run_to_report(vcpu, &uc);
	check(ACCESS, &uc.args[2]);
	kvm_vm_free(vm);
}

static void test_hidden(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create(KVM_VMEXIT_GUEST_NONE, &vcpu,
				   hidden_guest_code);
	struct ucall uc;
	uint32_t word;

	vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	run_to_report(vcpu, &uc);
	word = uc.args[2];
	TEST_ASSERT(memcmp(&word, KVM_VMEXIT_SIGNATURE, 4),
		    "the guest sees the signature");
	vcpu_run(vcpu);
	TEST_ASSERT(vcpu->run->exit_reason == KVM_EXIT_X86_RDMSR &&
		    vcpu->run->msr.index == MSR_KVM_VMEXIT_ACCESS,
		    "the guest can read the MSR");
	kvm_vm_free(vm);
}

/* The NMI of a sample is pending after the n-th exit.  Then the VMM ends sampling. */
static void test_samples(void)
{
	bool svm = !access("/sys/module/kvm_amd", F_OK);
	uint64_t io = svm ? SVM_EXIT_IOIO : EXIT_REASON_IO_INSTRUCTION;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create(KVM_VMEXIT_GUEST_ALL, &vcpu,
				   sampled_guest_code);
	struct kvm_vcpu_events events;
	uint64_t status;
	int i;

	for (i = 1; i <= PERIOD; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT(vcpu->run->exit_reason == KVM_EXIT_IO &&
			    vcpu->run->io.port == UNUSED_PORT,
			    "unexpected exit to userspace: %u",
			    vcpu->run->exit_reason);
		vcpu_events_get(vcpu, &events);
		TEST_ASSERT(events.nmi.pending == (i == PERIOD),
			    "exit %d of %d: %u NMIs", i, PERIOD,
			    events.nmi.pending);
	}

	status = vcpu_get_msr(vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS);
	TEST_ASSERT(status == (KVM_VMEXIT_SAMPLE_VALID | io |
			       (uint64_t)PERIOD << KVM_VMEXIT_SAMPLE_EXITS_SHIFT),
		    "status 0x%lx", status);
	TEST_ASSERT(vcpu_get_msr(vcpu, MSR_KVM_VMEXIT_SAMPLE_DETAIL) == UNUSED_PORT,
		    "a sample of another port");

	vcpu_set_msr(vcpu, MSR_KVM_VMEXIT_SAMPLE, 0);
	TEST_ASSERT(!vcpu_get_msr(vcpu, MSR_KVM_VMEXIT_SAMPLE) &&
		    !vcpu_get_msr(vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS),
		    "sampling goes on");
	kvm_vm_free(vm);
}

static void test_refusals(void)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_VMEXIT };

	cap.args[0] = KVM_VMEXIT_GUEST_KERNEL + 1;
	TEST_ASSERT(__vm_ioctl(vm, KVM_ENABLE_CAP, &cap) && errno == EINVAL,
		    "a state that does not exist is accepted");
	vm_vcpu_add(vm, 0, guest_code);
	cap.args[0] = KVM_VMEXIT_GUEST_NONE;
	TEST_ASSERT(__vm_ioctl(vm, KVM_ENABLE_CAP, &cap) && errno == EINVAL,
		    "a VM with a vCPU takes another state");
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	char on = 'N';
	FILE *file;

	file = fopen(SWITCH, "r");
	if (file) {
		on = fgetc(file);
		fclose(file);
	}
	TEST_REQUIRE(on == 'Y');
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X86_VMEXIT) == KVM_VMEXIT_GUEST_KERNEL);

	test_visible();
	test_kernel_alone();
	test_hidden();
	test_samples();
	test_refusals();
	return 0;
}
