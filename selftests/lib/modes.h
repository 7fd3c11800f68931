/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a guest for one instruction, in any mode of the processor.
 */
#ifndef _MODES_H
#define _MODES_H

#include "vm.h"

#define GUEST_GDT	0x4000
#define GUEST_IDT	0x5000
#define PROBE		0x20000		/* CPUID, then OUT to the VMM */
#define REPORT		0x20002		/* only the OUT */
#define INSTRUCTION	0x21000		/* another instruction, then OUT */

enum cpu_mode {
	LONG, LONG_USER, COMPAT, COMPAT_USER, PROTECTED, PROTECTED_USER, VM86, REAL,
	MODES,
};

static const struct {
	const char *name;
	__u64 cr0, cr4, efer, rflags;
	int cpl;
} modes[MODES] = {
	[LONG] = { "64-bit, CPL 0", 0x80000033, 0x20, 0x500 },
	[LONG_USER] = { "64-bit, CPL 3", 0x80000033, 0x20, 0x500, .cpl = 3 },
	[COMPAT] = { "compat, CPL 0", 0x80000033, 0x20, 0x500 },
	[COMPAT_USER] = { "compat, CPL 3", 0x80000033, 0x20, 0x500, .cpl = 3 },
	[PROTECTED] = { "32-bit, CPL 0", 0x33 },
	[PROTECTED_USER] = { "32-bit, CPL 3", 0x33, .cpl = 3 },
	[VM86] = { "virtual-8086", 0x33, .rflags = 0x20000, .cpl = 3 },
	[REAL] = { "real", 0x30 },
};

/* Write the tables and the code that the modes need into the memory of @vm. */
static inline void write_tables(struct vm *vm)
{
	static const __u8 probe[] = { 0x0f, 0xa2, 0xe6, 0x80 };
	__u64 *gdt = vm->memory + GUEST_GDT, (*idt)[2] = vm->memory + GUEST_IDT;
	int i;

	memcpy(vm->memory + PROBE, probe, sizeof(probe));
	gdt[1] = CODE_DESCRIPTOR;
	gdt[2] = DATA_DESCRIPTOR;
	/* The handler of an exception reports to the VMM. */
	for (i = 0; i < 32; i++)
		idt[i][0] = interrupt_gate(REPORT);
}

static inline bool make_vm(struct vm *vm, struct vcpu *vcpu)
{
	if (!vm_create(vm))
		return false;
	write_tables(vm);
	return vcpu_create(vm, vcpu);
}

static inline bool set_mode(struct vcpu *vcpu, enum cpu_mode mode)
{
	int cpl = modes[mode].cpl;
	struct kvm_sregs s;
	struct kvm_segment data;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return false;

	long_mode(&s, GUEST_PML4);
	data = s.ds;
	data.selector += 8 * cpl + cpl;
	data.dpl = cpl;
	s.cs.selector += 8 * cpl + cpl;
	s.cs.dpl = cpl;
	s.cs.l = mode <= LONG_USER;
	s.cs.db = mode > LONG_USER;

	if (mode >= VM86) {
		data = (struct kvm_segment){
			.limit = 0xffff, .type = 3, .present = 1, .dpl = cpl,
			.s = 1,
		};
		s.cs = data;
		s.cs.selector = PROBE >> 4;
		s.cs.base = PROBE;
		s.cs.type = mode == VM86 ? 3 : 11;
	}

	s.cr0 = modes[mode].cr0;
	s.cr4 = modes[mode].cr4;
	s.efer = modes[mode].efer;
	s.ds = data;
	s.es = data;
	s.fs = data;
	s.gs = data;
	s.ss = data;
	/*
	 * The TSS is in page 0, which is empty: virtual-8086 mode may use all
	 * ports.  QEMU needs a TSS that is not busy, VMX one that is busy.
	 */
	s.tr = (struct kvm_segment){
		.limit = 0xffff, .type = on_amd() ? 9 : 11, .present = 1,
	};
	s.gdt.base = GUEST_GDT;
	s.gdt.limit = 23;
	s.idt.base = GUEST_IDT;
	s.idt.limit = 32 * 16 - 1;
	return !ioctl(vcpu->fd, KVM_SET_SREGS, &s);
}

/* Run from @rip to the next report.  Return false if the run ends otherwise. */
static inline bool run_from(struct vcpu *vcpu, enum cpu_mode mode, __u64 rip,
			    struct kvm_regs *r)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	r->rip = mode >= VM86 ? rip - PROBE : rip;
	r->rflags = 0x3002 | modes[mode].rflags;	/* IOPL 3 */
	r->rsp = GUEST_STACK;
	if (ioctl(vcpu->fd, KVM_SET_REGS, r) ||
	    ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable) ||
	    ioctl(vcpu->fd, KVM_RUN, 0) || ioctl(vcpu->fd, KVM_GET_REGS, r))
		return false;
	return vcpu->run->exit_reason == KVM_EXIT_IO;
}

/*
 * Ask a leaf, with garbage in all registers and halves of registers that CPUID
 * does not read.  Return false if in 64-bit mode an upper half still has garbage.
 */
static inline bool probe(struct vcpu *vcpu, enum cpu_mode mode, __u32 leaf,
			 __u32 index, struct regs *regs)
{
	struct kvm_regs r = {
		.rax = 0xa5a5a5a500000000 | leaf, .rbx = 0xb5b5b5b5b5b5b5b5,
		.rcx = 0xc5c5c5c500000000 | index, .rdx = 0xd5d5d5d5d5d5d5d5,
	};

	if (!run_from(vcpu, mode, PROBE, &r))
		return false;
	*regs = (struct regs){ r.rax, r.rbx, r.rcx, r.rdx };
	return mode > LONG_USER || !((r.rax | r.rbx | r.rcx | r.rdx) >> 32);
}

#endif /* _MODES_H */
