/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to MSRs: by a guest's kernel in 64-bit mode, which can also have handlers of
 * exceptions and NMIs, and by the VMM.
 */
#ifndef _MSR_H
#define _MSR_H

#include "modes.h"

#define VECTOR_NMI	2
#define VECTOR_GP	13

/* This code is copied behind that of vm.h.  RIP shows which HLT has ended the run. */
asm(".pushsection .rodata\n\t"
	"msr_code: nop\n\t"
	"msr_read: rdmsr; hlt\n\t"
	"msr_write: wrmsr; hlt\n\t"
	"msr_fault: hlt\n\t"
	"msr_end: .popsection");
extern const char msr_code[], msr_read[], msr_write[], msr_fault[], msr_end[];

#define MSR_CODE	0x18000

static inline __u64 msr_address(const char *code)
{
	return MSR_CODE + (code - msr_code);
}

/* Let the guest handle an exception of @vector at @address. */
static inline void set_handler(struct vm *vm, int vector, __u64 address)
{
	__u64 (*idt)[2] = vm->memory + GUEST_IDT;

	idt[vector][0] = interrupt_gate(address);
}

/* Write what access_msr() needs into the memory of @vm. */
static inline void write_msr_code(struct vm *vm)
{
	write_tables(vm);
	memcpy(vm->memory + MSR_CODE, msr_code, msr_end - msr_code);
	set_handler(vm, VECTOR_GP, msr_address(msr_fault));
}

enum outcome { DONE, FAULT, FAILED };

static inline enum outcome access_msr(struct vcpu *vcpu, const char *code,
				      __u32 index, __u64 *value)
{
	struct kvm_regs r = {
		.rip = msr_address(code), .rflags = 2, .rsp = GUEST_STACK,
		.rax = (__u32)*value, .rcx = index, .rdx = *value >> 32,
	};

	if (ioctl(vcpu->fd, KVM_SET_REGS, &r) || ioctl(vcpu->fd, KVM_RUN, 0) ||
	    ioctl(vcpu->fd, KVM_GET_REGS, &r) ||
	    vcpu->run->exit_reason != KVM_EXIT_HLT)
		return FAILED;

	*value = pair(r.rax, r.rdx);
	/* RIP is behind the HLT. */
	if (r.rip == msr_address(msr_fault) + 1)
		return FAULT;
	return r.rip == msr_address(code) + 3 ? DONE : FAILED;
}

static inline enum outcome guest_wrmsr(struct vcpu *vcpu, __u32 index, __u64 value)
{
	return access_msr(vcpu, msr_write, index, &value);
}

static inline enum outcome guest_rdmsr(struct vcpu *vcpu, __u32 index, __u64 *value)
{
	*value = 0;
	return access_msr(vcpu, msr_read, index, value);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

/* The VMM writes the MSR.  Return true if the MSR exists and takes the value. */
static inline bool vmm_wrmsr(struct vcpu *vcpu, __u32 index, __u64 value)
{
	struct one_msr m = {
		.head.nmsrs = 1, .entry = { .index = index, .data = value },
	};

	return ioctl(vcpu->fd, KVM_SET_MSRS, &m) == 1;
}

static inline bool vmm_rdmsr(struct vcpu *vcpu, __u32 index, __u64 *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry = { .index = index } };

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &m) != 1)
		return false;
	*value = m.entry.data;
	return true;
}

#endif /* _MSR_H */
