/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VMM.  Its guests have a few instructions, which cause a given number of
 * exits of one kind.
 */
#ifndef _VM_H
#define _VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"
#include "long_mode.h"

#define PARAMETER(name)	"/sys/module/kvm/parameters/" name
#define ALL		PARAMETER("exit_stats")
#define STOPPED_CLOCK	PARAMETER("exit_stats_stopped")
#define FOR_GUESTS	PARAMETER("exit_stats_guest")

#define CPUID_LONG_MODE	{ .function = 0x80000001, .edx = 1 << 29 }
/* The guest is told that it runs on a hypervisor, which is KVM. */
#define CPUID_HYPERVISOR { .function = 1, .ecx = 1U << 31 }
#define CPUID_KVM	{ .function = 0x40000000, .eax = 0x40000001, \
			  .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d }

#define GUEST_MEMORY	(2 << 20)	/* one large page, mapped to itself */
#define GUEST_PML4	0x1000
#define GUEST_PDPT	0x2000
#define GUEST_PD	0x3000
#define GUEST_STACK	0x9000
#define GUEST_CODE	0x10000

struct vm {
	int kvm, fd, vcpus;
	void *memory;
};

struct vcpu {
	int fd;
	struct kvm_run *run;
};

/* A thread that runs a vCPU, and whether the guest has finished. */
struct runner {
	pthread_t thread;
	struct vcpu vcpu;
	bool done;
};

/* Set a parameter of KVM's. */
static inline bool set(const char *parameter, bool on)
{
	return write_to(parameter, on ? "1" : "0");
}

/* The guest's code: each part repeats R10 times, then halts.  R8 and R9 are inputs. */
asm(".pushsection .rodata\n\t"
	"vm_cpuid: mov %r8, %rax; mov %r9, %rcx; cpuid\n\t"
	"dec %r10; jnz vm_cpuid; hlt\n\t"
	"vm_out: out %al, $0x80\n\t"
	"dec %r10; jnz vm_out; hlt\n\t"
	"vm_in: in $0x80, %al\n\t"
	"dec %r10; jnz vm_in; hlt\n\t"
	/*
	 * A round is R8 steps, each from one RDTSC to the next, and a read of
	 * the port.  RBX sums up the cycles of the steps, except steps of R9
	 * cycles or more, which contain an exit.
	 */
	"vm_busy: rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, %rsi\n\t"
	"1: mov %r8, %rcx\n\t"
	"2: rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, %rdx\n\t"
	"sub %rsi, %rdx; mov %rax, %rsi; cmp %r9, %rdx; jae 3f\n\t"
	"add %rdx, %rbx\n\t"
	"3: dec %rcx; jnz 2b; in $0x80, %al\n\t"
	"dec %r10; jnz 1b; hlt\n\t"
	"vm_end: .popsection");
extern const char vm_cpuid[], vm_out[], vm_in[], vm_busy[], vm_end[];

/* The guest's address of one part. */
static inline __u64 guest_address(const char *code)
{
	return GUEST_CODE + (code - vm_cpuid);
}

static inline bool vm_create(struct vm *vm)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_MEMORY,
	};

	vm->vcpus = 0;
	vm->kvm = open("/dev/kvm", O_RDWR);
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	vm->memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->fd < 0 || vm->memory == MAP_FAILED)
		return false;

	memcpy(vm->memory + GUEST_CODE, vm_cpuid, vm_end - vm_cpuid);
	*(__u64 *)(vm->memory + GUEST_PML4) = GUEST_PDPT | PTE_TABLE;
	*(__u64 *)(vm->memory + GUEST_PDPT) = GUEST_PD | PTE_TABLE;
	*(__u64 *)(vm->memory + GUEST_PD) = PTE_LARGE;

	region.userspace_addr = (unsigned long)vm->memory;
	return !ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Decide who in the guest can read the statistics: KVM_VMEXIT_GUEST_*. */
static inline int vm_allow(struct vm *vm, __u64 guest)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_VMEXIT, .args[0] = guest,
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

/* Bring a new vCPU, of which only @vcpu->fd is set, into 64-bit mode. */
static inline bool vcpu_set_up(struct vm *vm, struct vcpu *vcpu)
{
	/* Since 6.12 KVM refuses long mode unless CPUID has it. */
	struct {
		struct kvm_cpuid2 cpuid;
		struct kvm_cpuid_entry2 entry[3];
	} cpuid = {
		.cpuid.nent = 3,
		.entry = { CPUID_HYPERVISOR, CPUID_KVM, CPUID_LONG_MODE },
	};
	int size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_sregs s;

	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED ||
	    ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return false;

	long_mode(&s, GUEST_PML4);
	return !ioctl(vcpu->fd, KVM_SET_SREGS, &s);
}

static inline bool vcpu_create(struct vm *vm, struct vcpu *vcpu)
{
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, vm->vcpus++);
	return vcpu_set_up(vm, vcpu);
}

/*
 * Run @code @times times, to its HLT.  vm_cpuid asks @leaf and @index.  Store
 * the last registers in @regs, unless it is NULL.
 */
static inline bool vcpu_run(struct vcpu *vcpu, const char *code, __u64 times,
			    __u32 leaf, __u32 index, struct regs *regs)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct kvm_regs r = {
		.rip = guest_address(code), .rflags = 2, .rsp = GUEST_STACK,
		.r8 = leaf, .r9 = index, .r10 = times,
	};

	if (ioctl(vcpu->fd, KVM_SET_REGS, &r) ||
	    ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable))
		return false;

	do {
		if (ioctl(vcpu->fd, KVM_RUN, 0))
			return false;
	} while (vcpu->run->exit_reason == KVM_EXIT_IO);

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r))
		return false;
	if (regs)
		*regs = (struct regs){ r.rax, r.rbx, r.rcx, r.rdx };
	return vcpu->run->exit_reason == KVM_EXIT_HLT;
}

/*
 * Return the answer to a CPUID of the guest, or all ones if that fails.  It takes
 * one exit for CPUID and one for HLT.
 */
static inline struct regs guest_ask(struct vcpu *vcpu, __u32 leaf, __u32 index)
{
	struct regs r;

	if (!vcpu_run(vcpu, vm_cpuid, 1, leaf, index, &r))
		return (struct regs){ -1, -1, -1, -1 };
	return r;
}

static inline void vm_destroy(struct vm *vm)
{
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->memory, GUEST_MEMORY);
}

/*
 * Read the VM's table in debugfs.  Return the same as read_table().  A module that is
 * attached to a stock KVM makes the file soon after the first vCPU: wait for it.
 */
static inline const char *vm_table(struct vm *vm, char *text, struct table *t)
{
	bool attached = !access("/sys/module/kvm_exits_host", F_OK);
	char name[64];
	int i;

	snprintf(name, sizeof(name), "/sys/kernel/debug/kvm/%d-%d/exit_stats",
		 getpid(), vm->fd);
	for (i = 0; attached && access(name, F_OK) && i < 100; i++)
		usleep(50000);
	if (read_file(name, text) < 0)
		return strerror(errno);
	return parse_table(text, t);
}

#endif /* _VM_H */
