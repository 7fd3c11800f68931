// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor, on Intel: a VMCS can have lists of MSRs, which KVM writes and
 * reads for a guest.  KVM then leaves its locks as they were, and obeys the VMM's
 * filter of MSRs.
 *
 * L1 gives its VMCS a VM-exit MSR-load list with a write to MSR_KVM_VMEXIT_MAX, and
 * starts L2.  Then the VMM makes KVM leave L2, and KVM loads the list, outside KVM_RUN.
 *
 * In some tests the VMM has updated the memslots up to three times before that: each
 * update flips the index of KVM's SRCU.  Afterwards another update must end: with an
 * unbalanced SRCU it would wait for ever.
 *
 * In other tests, an update waits for a reader of the SRCU while KVM leaves L2.  The
 * update must go on waiting.  The reader is an ioctl of another vCPU: a page of its
 * argument is missing, and userfaultfd keeps it missing.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "msr.h"
#include "harness.h"

#define MSR_FEAT_CTL		0x3a
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_VMX_BASIC		0x480
#define MSR_VMX_TRUE_PIN	0x48d
#define MSR_VMX_TRUE_PROC	0x48e
#define MSR_VMX_TRUE_EXIT	0x48f
#define MSR_VMX_TRUE_ENTRY	0x490
#define MARK			0x123456789000ull
#define NOT_STORED		0x5a5aull

/* In the guest's memory */
#define VMXON_REGION		0x20000
#define VMCS_REGION		0x21000
#define MSR_LIST		0x22000
#define STORE_LIST		0x22800
#define FIELDS			0x23000
#define POINTERS		0x24000
#define L1_CODE			0x25000
#define L1_STACK		0x26f00
#define L2_STACK		0x27f00

/*
 * L1: RDI has the addresses of the two regions, RSI and RCX a list of fields with their
 * values.  L2 writes to port 0x81, and then exits to L1 for CPUID.  L1 writes the number
 * of the step to 0x82 when one has failed, or when L2 has exited.
 */
asm(".pushsection .rodata\n\t"
	"srcu_l1: mov $1, %bl; vmxon (%rdi); jbe 9f\n\t"
	"mov $2, %bl; vmclear 8(%rdi); jbe 9f\n\t"
	"mov $3, %bl; vmptrld 8(%rdi); jbe 9f\n\t"
	"mov $4, %bl\n\t"
	"1: lodsq; mov %rax, %rdx; lodsq; vmwrite %rax, %rdx; jbe 9f\n\t"
	"dec %rcx; jnz 1b\n\t"
	"mov $5, %bl; vmlaunch\n\t"
	"9: mov %bl, %al; out %al, $0x82; hlt\n\t"
	"srcu_l1_exit: mov $6, %al; out %al, $0x82; hlt\n\t"
	"srcu_l2: out %al, $0x81; xor %eax, %eax; cpuid; jmp srcu_l2\n\t"
	"srcu_end: .popsection");
extern const char srcu_l1[], srcu_l1_exit[], srcu_l2[], srcu_end[];

static __u64 at(const char *code)
{
	return L1_CODE + (code - srcu_l1);
}

/* The value of an MSR, 0 if there is no such MSR. */
static __u64 get_msr(struct vcpu *vcpu, __u32 index)
{
	__u64 value = 0;

	vmm_rdmsr(vcpu, index, &value);
	return value;
}

/* The bits of a control that must be one, and @wanted. */
static __u64 control(struct vcpu *vcpu, __u32 msr, __u32 wanted)
{
	return (__u32)get_msr(vcpu, msr) | wanted;
}

static bool set_slot(struct vm *vm, int slot, __u64 size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = 0x10000000 + slot * 0x1000,
		.memory_size = size, .userspace_addr = (unsigned long)vm->memory,
	};

	return !ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* An entry of a list in a VMCS. */
struct list_entry {
	__u32 index, reserved;
	__u64 value;
};

/* A vCPU in 64-bit mode that has VMX. */
static bool create(struct vm *vm, struct vcpu *vcpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} cpuid = { .head.nent = 256 };
	struct kvm_sregs s;
	__u32 i;

	if (!vm_create(vm) || !vcpu_create(vm, vcpu) ||
	    ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid))
		return false;
	/* Older kernels leave it to the VMM to say that there is a hypervisor. */
	for (i = 0; i < cpuid.head.nent; i++)
		if (cpuid.entry[i].function == 1)
			cpuid.entry[i].ecx |= 1U << 31;
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid) ||
	    !vmm_wrmsr(vcpu, MSR_FEAT_CTL, 5) || ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return false;
	s.cr0 |= 0x22;		/* NE, MP */
	s.cr4 |= 0x2000;	/* VMXE */
	s.tr = (struct kvm_segment){
		.limit = 0x67, .selector = 0x18, .type = 11, .present = 1,
	};
	s.ldt = (struct kvm_segment){ .unusable = 1 };
	return !ioctl(vcpu->fd, KVM_SET_SREGS, &s);
}

/* Run L1 until L2 runs.  Return the port that was written, or 0. */
static int run_l2(struct vm *vm, struct vcpu *vcpu)
{
	const __u64 data = 0xc093, code = 0xa09b, unusable = 1 << 16;
	struct kvm_sregs s;
	__u32 revision = get_msr(vcpu, MSR_VMX_BASIC) & 0x7fffffff;
	struct list_entry list[] = {
		{ MSR_KVM_VMEXIT_MAX, 0, 0 }, { MSR_KERNEL_GS_BASE, 0, MARK },
	};
	struct list_entry store = { MSR_KVM_VMEXIT_MAX, 0, NOT_STORED };
	__u64 pointers[] = { VMXON_REGION, VMCS_REGION };

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return 0;

	const __u64 fields[][2] = {
		{ 0x4000, control(vcpu, MSR_VMX_TRUE_PIN, 0) },
		{ 0x4002, control(vcpu, MSR_VMX_TRUE_PROC, 0) },
		{ 0x400c, control(vcpu, MSR_VMX_TRUE_EXIT, 1 << 9) },
		{ 0x4012, control(vcpu, MSR_VMX_TRUE_ENTRY, 1 << 9) },
		{ 0x2008, MSR_LIST }, { 0x4010, ARRAY_SIZE(list) },
		{ 0x2006, STORE_LIST }, { 0x400e, 1 }, { 0x2800, ~0ull },
		/* L2's selectors, limits, access rights and registers */
		{ 0x0800, 0x10 }, { 0x0802, 8 }, { 0x0804, 0x10 }, { 0x0806, 0x10 },
		{ 0x0808, 0x10 }, { 0x080a, 0x10 }, { 0x080e, 0x18 },
		{ 0x4800, ~0u }, { 0x4802, ~0u }, { 0x4804, ~0u }, { 0x4806, ~0u },
		{ 0x4808, ~0u }, { 0x480a, ~0u }, { 0x480e, 0x67 },
		{ 0x4814, data }, { 0x4816, code }, { 0x4818, data },
		{ 0x481a, data }, { 0x481c, data }, { 0x481e, data },
		{ 0x4820, unusable }, { 0x4822, 0x8b },
		{ 0x6800, s.cr0 }, { 0x6802, s.cr3 }, { 0x6804, s.cr4 },
		{ 0x681a, 0x400 }, { 0x681c, L2_STACK }, { 0x681e, at(srcu_l2) },
		{ 0x6820, 2 },
		/* L1's selectors and registers */
		{ 0x0c00, 0x10 }, { 0x0c02, 8 }, { 0x0c04, 0x10 }, { 0x0c06, 0x10 },
		{ 0x0c08, 0x10 }, { 0x0c0a, 0x10 }, { 0x0c0c, 0x18 },
		{ 0x6c00, s.cr0 }, { 0x6c02, s.cr3 }, { 0x6c04, s.cr4 },
		{ 0x6c14, L1_STACK }, { 0x6c16, at(srcu_l1_exit) },
	};
	struct kvm_regs r = {
		.rip = L1_CODE, .rflags = 2, .rsp = L1_STACK, .rdi = POINTERS,
		.rsi = FIELDS, .rcx = ARRAY_SIZE(fields),
	};

	memcpy(vm->memory + L1_CODE, srcu_l1, srcu_end - srcu_l1);
	memcpy(vm->memory + VMXON_REGION, &revision, 4);
	memcpy(vm->memory + VMCS_REGION, &revision, 4);
	memcpy(vm->memory + MSR_LIST, list, sizeof(list));
	memcpy(vm->memory + STORE_LIST, &store, sizeof(store));
	memcpy(vm->memory + FIELDS, fields, sizeof(fields));
	memcpy(vm->memory + POINTERS, pointers, sizeof(pointers));

	if (ioctl(vcpu->fd, KVM_SET_REGS, &r) || ioctl(vcpu->fd, KVM_RUN, 0) ||
	    vcpu->run->exit_reason != KVM_EXIT_IO)
		return 0;
	return vcpu->run->io.port;
}

static bool leave_by_msr(struct vcpu *vcpu)
{
	return vmm_wrmsr(vcpu, MSR_FEAT_CTL, 0);
}

static bool leave_by_state(struct vcpu *vcpu)
{
	struct kvm_nested_state state = {
		.format = KVM_STATE_NESTED_FORMAT_VMX, .size = sizeof(state),
		.hdr.vmx = { .vmxon_pa = -1ull, .vmcs12_pa = -1ull },
	};

	return !ioctl(vcpu->fd, KVM_SET_NESTED_STATE, &state);
}

/* Has KVM loaded the whole list? */
static bool has_loaded(struct vcpu *vcpu)
{
	return get_msr(vcpu, MSR_KERNEL_GS_BASE) == MARK;
}

/* Statuses of a child */
#define NO_L2	77
#define TOO_EARLY	78	/* the update has not waited for the reader */

static int update_often(struct vm *vm)
{
	int i;

	for (i = 0; i < 10; i++)
		if (!set_slot(vm, 9, 4096) || !set_slot(vm, 9, 0))
			return 4;
	return 0;
}

/* This runs in a child, which may never end. */
static int leave_and_update(bool (*leave)(struct vcpu *vcpu), int updates)
{
	struct vcpu vcpu;
	struct vm vm;
	int i;

	if (!create(&vm, &vcpu) || run_l2(&vm, &vcpu) != 0x81)
		return NO_L2;
	for (i = 0; i < updates; i++)
		if (!set_slot(&vm, 1 + i, 4096))
			return 2;
	if (!leave(&vcpu) || !has_loaded(&vcpu))
		return 3;
	return update_often(&vm);
}

struct reader {
	int vcpu, faults;
	struct one_msr *argument;
};

static void *read_srcu(void *arg)
{
	struct reader *r = arg;

	ioctl(r->vcpu, KVM_SET_MSRS, r->argument);
	return NULL;
}

static void *update(void *vm)
{
	set_slot(vm, 8, 4096);
	return NULL;
}

/* Start a thread that reads KVM's SRCU until its argument gets a page. */
static bool hold_reader(struct vm *vm, struct reader *r, pthread_t *thread)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register missing = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct pollfd fault = { .events = POLLIN };

	r->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, vm->vcpus++);
	r->argument = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r->faults = syscall(SYS_userfaultfd, O_NONBLOCK);
	missing.range = (struct uffdio_range){ (unsigned long)r->argument, 4096 };
	fault.fd = r->faults;
	return r->vcpu >= 0 && !ioctl(r->faults, UFFDIO_API, &api) &&
	       !ioctl(r->faults, UFFDIO_REGISTER, &missing) &&
	       !pthread_create(thread, NULL, read_srcu, r) &&
	       poll(&fault, 1, seconds(10) * 1000) == 1;
}

static void release_reader(struct reader *r)
{
	struct uffdio_zeropage zero = { { (unsigned long)r->argument, 4096 } };

	ioctl(r->faults, UFFDIO_ZEROPAGE, &zero);
}

/* As leave_and_update(), while an update waits for a reader. */
static int leave_during_update(bool (*leave)(struct vcpu *vcpu), int unused)
{
	pthread_t reading, updating;
	struct reader reader;
	struct vcpu vcpu;
	struct vm vm;

	if (!create(&vm, &vcpu) || run_l2(&vm, &vcpu) != 0x81)
		return NO_L2;
	if (!hold_reader(&vm, &reader, &reading) ||
	    pthread_create(&updating, NULL, update, &vm))
		return 5;
	sleep(1);
	if (!pthread_tryjoin_np(updating, NULL))
		return 6;	/* the update does not wait for the reader */
	if (!leave(&vcpu) || !has_loaded(&vcpu))
		return 3;
	sleep(1);
	if (!pthread_tryjoin_np(updating, NULL))
		return TOO_EARLY;
	release_reader(&reader);
	pthread_join(reading, NULL);
	pthread_join(updating, NULL);
	return update_often(&vm);
}

/* Return the child's status, or -1 if it does not end. */
static int in_child(int (*f)(bool (*leave)(struct vcpu *vcpu), int updates),
		    bool (*leave)(struct vcpu *vcpu), int updates)
{
	int status, i;
	pid_t child = fork();

	if (!child)
		_exit(f(leave, updates));
	for (i = 0; i < 300; i++) {
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
		usleep(100000);
	}
	kill(child, SIGKILL);
	return -1;
}

FIXTURE(srcu)
{
};

FIXTURE_SETUP(srcu)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	if (on_amd())
		SKIP(return, "AMD has no list of MSRs that an exit loads");
	if (in_child(leave_and_update, leave_by_msr, 0) == NO_L2)
		SKIP(return, "KVM has no nested VMX");
}

FIXTURE_TEARDOWN(srcu)
{
}

TEST_F_TIMEOUT(srcu, memslots_can_be_updated_after_a_write_by_kvm_set_msrs, seconds(200))
{
	int updates;

	for (updates = 0; updates <= 3; updates++) {
		ASSERT_EQ(0, in_child(leave_and_update, leave_by_msr, updates))
			TH_LOG("after %d updates", updates);
	}
}

TEST_F_TIMEOUT(srcu, memslots_can_be_updated_after_a_write_by_kvm_set_nested_state, seconds(200))
{
	int updates;

	for (updates = 0; updates <= 3; updates++) {
		ASSERT_EQ(0, in_child(leave_and_update, leave_by_state, updates))
			TH_LOG("after %d updates", updates);
	}
}

TEST_F_TIMEOUT(srcu, an_update_waits_for_readers_after_a_write_by_kvm_set_msrs, seconds(60))
{
	ASSERT_EQ(0, in_child(leave_during_update, leave_by_msr, 0));
}

TEST_F_TIMEOUT(srcu, an_update_waits_for_readers_after_a_write_by_kvm_set_nested_state,
	       seconds(60))
{
	ASSERT_EQ(0, in_child(leave_during_update, leave_by_state, 0));
}

/* The VMM denies the guest's kernel @accesses to all MSRs of the statistics. */
static bool deny(struct vm *vm, __u32 accesses)
{
	__u64 allowed = 0;
	struct kvm_msr_filter filter = {
		.ranges[0] = {
			.flags = accesses, .base = MSR_KVM_VMEXIT_ACCESS, .nmsrs = 6,
			.bitmap = (__u8 *)&allowed,
		},
	};

	return !ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

/* L2 exits to L1: KVM stores one list and loads the other one. */
static void exit_from_l2(struct __test_metadata *_metadata, __u32 denied,
			 bool *stored, bool *loaded)
{
	struct list_entry *store;
	struct vcpu vcpu;
	struct vm vm;

	ASSERT_TRUE(create(&vm, &vcpu));
	ASSERT_TRUE(!denied || deny(&vm, denied));
	ASSERT_EQ(0x81, run_l2(&vm, &vcpu));
	ASSERT_EQ(0, ioctl(vcpu.fd, KVM_RUN, 0));
	store = vm.memory + STORE_LIST;
	*stored = store->value != NOT_STORED;
	*loaded = has_loaded(&vcpu);
	vm_destroy(&vm);
}

/*
 * Each VM has a test, and so a process, of its own: KVM names the directory of a VM by
 * process and file descriptor, and a second VM of a process could have the same.
 */
TEST_F(srcu, an_exit_stores_and_loads_the_lists)
{
	bool stored, loaded;

	exit_from_l2(_metadata, 0, &stored, &loaded);
	EXPECT_TRUE(stored);
	EXPECT_TRUE(loaded);
}

TEST_F(srcu, a_list_stores_no_msr_that_may_not_be_read)
{
	bool stored, loaded;

	exit_from_l2(_metadata, KVM_MSR_FILTER_READ, &stored, &loaded);
	EXPECT_FALSE(stored);
}

TEST_F(srcu, a_list_loads_no_msr_that_may_not_be_written)
{
	bool stored, loaded;

	exit_from_l2(_metadata, KVM_MSR_FILTER_WRITE, &stored, &loaded);
	EXPECT_TRUE(stored);
	EXPECT_FALSE(loaded);
}

TEST_HARNESS_MAIN
