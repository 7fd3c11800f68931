/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A snapshot, as the guest of the small VMM reads it.
 */
#ifndef _SNAPSHOT_H
#define _SNAPSHOT_H

#include "modes.h"

/*
 * Take a snapshot and read all of it.  Return false if a row is out of order, if a leaf
 * that has to be zero is not, or if the rows do not add up to the total.
 */
static inline bool snapshot_adds_up(struct vcpu *vcpu, __u32 *rows, bool stopped)
{
	struct regs r, s = {};
	__u32 i, n, last = 0;
	__u64 rest;

	if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_SNAPSHOT, 0, &r))
		return false;
	*rows = r.eax & 0xffff;
	if (r.eax >> 16 != KVM_VMEXIT_SNAPSHOT_MAGIC || !*rows)
		return false;
	rest = pair(r.ecx, r.edx);

	for (i = 0; i < *rows; i++) {
		if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_ROW, i, &r) ||
		    (i && r.ebx >> 16 <= last))
			return false;
		last = r.ebx >> 16;
		rest -= pair(r.eax, r.ebx & 0xffff);

		if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_STOPPED, i, &s) ||
		    (!stopped && s.eax | s.ebx | s.ecx | s.edx))
			return false;
		for (n = 0; n < 12; n++) {
			if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_HISTOGRAM,
				   n << 16 | i, &r))
				return false;
			/* Without this bit the row has no histogram. */
			if (!(s.edx >> 31) && r.eax | r.ebx | r.ecx | r.edx)
				return false;
		}
	}
	return !rest;
}

#endif /* _SNAPSHOT_H */
