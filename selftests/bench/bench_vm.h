/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM whose guest measures VM exits, from the guest and back, in cycles of the TSC.
 *
 * The guest runs functions of this program, which read the TSC before and after one
 * exit.  In the guest's memory the program is at the same addresses.  So it is linked
 * statically, to addresses below 1 GiB.
 */
#ifndef _BENCH_VM_H
#define _BENCH_VM_H

#include <err.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"
#include "long_mode.h"

#define ROUNDS		5001
#define WARM_UP		101
#define PAGE		4096ul
#define VCPUS		256
#define FRESH		(4ul << 30)	/* pages that the guest has not touched */

#define VECTOR		0x40
#define PORT		0x80	/* the guest has finished */
#define PORT_IN		0x81	/* answered in user space */

#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC_EOI		0x80b
#define MSR_X2APIC_SPIV		0x80f
#define MSR_X2APIC_ICR		0x830
#define MSR_X2APIC_LVT_TIMER	0x832
#define MSR_X2APIC_SELF_IPI	0x83f

typedef __u64 table_t[512] __attribute__((aligned(PAGE)));

extern char __executable_start[], _end[];

static table_t pml4, pdpt, pd[2];
static __u64 gdt[] = { 0, CODE_DESCRIPTOR, DATA_DESCRIPTOR };
static __u64 idt[VECTOR + 1][2];
static __u8 stack[VCPUS][PAGE] __attribute__((aligned(16)));
static __u64 result[ROUNDS];

/* The guest. */

static volatile __u64 woken;

static inline void wrmsr(__u32 msr, __u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((__u32)value),
		     "d"((__u32)(value >> 32)) : "memory");
}

__attribute__((interrupt, target("general-regs-only")))
static void interrupted(void *frame)
{
	woken = rdtsc();
	wrmsr(MSR_X2APIC_EOI, 0);
}

static __u64 cpuid(unsigned int round)
{
	__u64 start = rdtsc();

	ask(0, 0);
	return rdtsc() - start;
}

/* The deadline never comes, because the next one replaces it. */
static __u64 wrmsr_deadline(unsigned int round)
{
	__u64 start = rdtsc();

	wrmsr(MSR_TSC_DEADLINE, start + 100000000);
	return rdtsc() - start;
}

/* Send an IPI to this CPU by its number: unlike the shorthand, that may take a fastpath. */
static __u64 wrmsr_ipi(unsigned int round)
{
	__u64 start = rdtsc();

	wrmsr(MSR_X2APIC_ICR, VECTOR);
	start = rdtsc() - start;
	asm volatile("sti; nop; cli");
	return start;
}

/*
 * Measure up to the interrupt handler, with the wake-up already pending.  There are
 * two exits: HLT, and the interrupt window, at which KVM notices the interrupt.
 */
static __u64 hlt(unsigned int round)
{
	__u64 start;

	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR);
	start = rdtsc();
	asm volatile("sti; hlt; cli" : : : "memory");
	return woken - start;
}

/* Read the TSC all the time.  Only the two reads around the exit are far apart. */
static __u64 timer(unsigned int round)
{
	__u64 last, now;

	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 10000);
	now = rdtsc();
	do {
		last = now;
		now = rdtsc();
	} while (now - last < 100);
	asm volatile("sti; nop; cli");
	return now - last;
}

static __u64 fault(unsigned int round)
{
	volatile __u8 *page = (__u8 *)FRESH + round * PAGE;
	__u64 start = rdtsc();

	*page = 1;
	return rdtsc() - start;
}

static __u64 port(unsigned int round)
{
	__u64 start = rdtsc();
	__u8 value;

	asm volatile("in %1, %0" : "=a"(value) : "i"(PORT_IN));
	return rdtsc() - start;
}

/* If KVM does not answer the leaf, there is nothing to measure: end the guest. */
static __u64 snapshot(unsigned int round)
{
	__u64 start = rdtsc();
	struct regs r = ask(KVM_VMEXIT_LEAF_SNAPSHOT, 0);

	start = rdtsc() - start;
	if (r.eax >> 16 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		__builtin_trap();
	return start;
}

static __u64 row(unsigned int round)
{
	__u64 start = rdtsc();
	struct regs r = ask(KVM_VMEXIT_LEAF_ROW, 0);

	start = rdtsc() - start;
	if (!r.eax)
		__builtin_trap();
	return start;
}

static const struct measure {
	const char *name;
	__u64 (*one)(unsigned int round);
} measures[] = {
	{ "cpuid", cpuid },
	{ "wrmsr_deadline", wrmsr_deadline },
	{ "wrmsr_ipi", wrmsr_ipi },
	{ "hlt", hlt },
	{ "timer", timer },
	{ "fault", fault },
	{ "port", port },
	{ "snapshot", snapshot },
	{ "row", row },
};

static void guest(const struct measure *m, unsigned int rounds)
{
	unsigned int i;

	wrmsr(MSR_X2APIC_SPIV, 0x1ff);
	wrmsr(MSR_X2APIC_LVT_TIMER, 2 << 17 | VECTOR);
	for (i = 0; i < rounds; i++)
		result[i] = m->one(i);
	wrmsr(MSR_TSC_DEADLINE, 0);
	asm volatile("out %%al, %0" : : "i"(PORT), "a"(0) : "memory");
}

/* The VMM. */

static int kvm, vm, vcpu[VCPUS];

static inline int check(int ret, const char *what)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

/* A size of 0 removes the memory. */
static inline void set_memory(__u32 slot, void *start, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = (__u64)start,
		.userspace_addr = (__u64)start,
		.memory_size = size,
	};

	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "memory");
}

static inline void set_cpuid(int fd)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} cpuid;
	unsigned int i;

	cpuid.head.nent = 256;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (i = 0; i < cpuid.head.nent; i++)
		if (cpuid.entry[i].function == 1)
			cpuid.entry[i].ecx |= 1u << 24 |	/* TSC deadline */
					      1u << 31;		/* a hypervisor */
	check(ioctl(fd, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

static inline void create_vcpu(int i)
{
	/* The vCPUs run one by one: none can send another one a startup IPI. */
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;

	vcpu[i] = check(ioctl(vm, KVM_CREATE_VCPU, i), "KVM_CREATE_VCPU");
	set_cpuid(vcpu[i]);
	check(ioctl(vcpu[i], KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	long_mode(&sregs, (__u64)pml4);
	sregs.gdt.base = (__u64)gdt;
	sregs.gdt.limit = sizeof(gdt) - 1;
	sregs.idt.base = (__u64)idt;
	sregs.idt.limit = sizeof(idt) - 1;
	sregs.cr4 |= 0x600;		/* OSXMMEXCPT, OSFXSR */
	sregs.apic_base |= 0xc00;	/* x2APIC */
	check(ioctl(vcpu[i], KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	check(ioctl(vcpu[i], KVM_SET_MP_STATE, &runnable), "KVM_SET_MP_STATE");
}

static inline void create_vm(int vcpus)
{
	char *start = (char *)((__u64)__executable_start & -PAGE);
	__u64 handler = (__u64)interrupted;
	void *fresh;
	int i;

	pml4[0] = (__u64)pdpt | PTE_TABLE;
	pdpt[0] = (__u64)pd[0] | PTE_TABLE;
	pdpt[FRESH >> 30] = (__u64)pd[1] | PTE_TABLE;
	for (i = 0; i < 512; i++) {
		pd[0][i] = (__u64)i << 21 | PTE_LARGE;
		pd[1][i] = FRESH | (__u64)i << 21 | PTE_LARGE;
	}
	idt[VECTOR][0] = interrupt_gate(handler);
	idt[VECTOR][1] = handler >> 32;

	fresh = mmap((void *)FRESH, ROUNDS * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (fresh != (void *)FRESH)
		err(1, "mmap");
	/* Do not measure the hypervisor's own faults. */
	madvise(fresh, ROUNDS * PAGE, MADV_NOHUGEPAGE);
	memset(fresh, 1, ROUNDS * PAGE);

	kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	check(ioctl(vm, KVM_CREATE_IRQCHIP), "KVM_CREATE_IRQCHIP");
	set_memory(0, start, ((__u64)_end - (__u64)start + PAGE - 1) & -PAGE);
	set_memory(1, fresh, ROUNDS * PAGE);
	for (i = 0; i < vcpus; i++)
		create_vcpu(i);
}

/* Make the guest's next access to each fresh page a fault again. */
static inline void forget_pages(void)
{
	set_memory(1, (void *)FRESH, 0);
	set_memory(1, (void *)FRESH, ROUNDS * PAGE);
}

static inline __u64 run(int i, const struct measure *m, unsigned int rounds)
{
	struct kvm_regs regs = {
		.rip = (__u64)guest,
		.rdi = (__u64)m,
		.rsi = rounds,
		.rsp = (__u64)stack[i + 1] - 8,
		.rflags = 0x2,
	};
	struct kvm_run *run;

	run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu[i], 0);
	if (run == MAP_FAILED)
		err(1, "mmap");
	check(ioctl(vcpu[i], KVM_SET_REGS, &regs), "KVM_SET_REGS");
	do {
		check(ioctl(vcpu[i], KVM_RUN, 0), "KVM_RUN");
	} while (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_IN);
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT)
		errx(1, "%s: the guest ended with %u", m->name, run->exit_reason);
	munmap(run, PAGE);

	return median(result, rounds);
}

static inline const struct measure *find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(measures) / sizeof(*measures); i++)
		if (!strcmp(name, measures[i].name))
			return &measures[i];
	errx(2, "no exit %s", name);
}

/* Let each vCPU exit before the measurement, and enable its APIC. */
static inline void warm_up(int vcpus)
{
	int i;

	for (i = 0; i < vcpus; i++) {
		run(i, find("cpuid"), WARM_UP);
		run(i, find("wrmsr_ipi"), WARM_UP);
		run(i, find("hlt"), WARM_UP);
	}
	/* After a second KVM notices that no APIC is disabled any more. */
	sleep(2);
}

#endif /* _BENCH_VM_H */
