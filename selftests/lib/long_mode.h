/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of a vCPU in 64-bit mode.
 */
#ifndef _LONG_MODE_H
#define _LONG_MODE_H

#include <linux/kvm.h>

#define CODE_SELECTOR	0x08
#define DATA_SELECTOR	0x10
#define CODE_DESCRIPTOR	0x00af9b000000ffffULL
#define DATA_DESCRIPTOR	0x00cf93000000ffffULL

/* Entries of a page table, which the guest's userspace may access, too. */
#define PTE_TABLE	0x7		/* present, writable, user */
#define PTE_LARGE	0x87		/* the same, of 2 MiB */

/* CPL 0, flat segments, paging with the tables at @cr3. */
static inline void long_mode(struct kvm_sregs *s, __u64 cr3)
{
	const struct kvm_segment data = {
		.limit = ~0, .selector = DATA_SELECTOR, .type = 3,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};

	s->cr0 = 0x80000033;	/* PG, NE, ET, MP, PE */
	s->cr3 = cr3;
	s->cr4 = 0x20;		/* PAE */
	s->efer = 0x500;	/* LMA, LME */
	s->cs = (struct kvm_segment){
		.limit = ~0, .selector = CODE_SELECTOR, .type = 11,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
	s->ds = data;
	s->es = data;
	s->fs = data;
	s->gs = data;
	s->ss = data;
}

/* The low half of a gate of the IDT; the high half is @handler >> 32. */
static inline __u64 interrupt_gate(__u64 handler)
{
	return (handler & 0xffff) | CODE_SELECTOR << 16 | 0x8e00ULL << 32 |
	       (handler >> 16) << 48;
}

#endif /* _LONG_MODE_H */
