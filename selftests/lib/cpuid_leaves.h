/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads leaves, and has the vendor of the processor and the reasons that it defines.
 */
#ifndef _CPUID_LEAVES_H
#define _CPUID_LEAVES_H

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#include <linux/types.h>

#include <asm/kvm_para.h>
#include <asm/kvm_vmexit.h>

struct regs {
	__u32 eax, ebx, ecx, edx;
};

static inline struct regs ask(__u32 leaf, __u32 index)
{
	struct regs r;

	__cpuid_count(leaf, index, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

/* Does the host take samples?  A KVM that was not patched does not. */
static inline bool has_samples(void)
{
	return ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ebx & KVM_VMEXIT_FEAT_SAMPLE;
}

static inline __u64 pair(__u32 low, __u32 high)
{
	return low | (__u64)high << 32;
}

static inline __u64 rdtsc(void)
{
	__u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return pair(low, high);
}

static inline bool host_signs(void)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);
	__u32 signature[] = { r.ebx, r.ecx, r.edx };

	return !memcmp(signature, KVM_VMEXIT_SIGNATURE, sizeof(signature));
}

/* Is this AMD, by the processor's vendor and independent of the leaves? */
static inline bool on_amd(void)
{
	static __u32 vendor;

	if (!vendor)
		vendor = ask(0, 0).ebx;
	return vendor == signature_AMD_ebx;
}

static inline __u32 reason_of(__u32 svm, __u32 vmx)
{
	return on_amd() ? svm : vmx;
}

#define REASON_CPUID	reason_of(0x72, 10)
#define REASON_PORT_IO	reason_of(0x7b, 30)
#define REASON_HLT	reason_of(0x78, 12)
#define REASON_HYPERCALL reason_of(0x81, 18)

/*
 * The tag of a generation, which each answer of the vCPU leaf carries: computed
 * without the header's macro.
 */
static inline __u32 tag_of(__u32 generation)
{
	return (generation + (generation >> 16)) & 0xffff;
}

/* The answer counts the CPUID that asks for it. */
static inline __u64 live_exits(__u32 reason)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_REASON, reason);

	return pair(r.eax, r.edx);
}

/*
 * The reasons that the architectures define: from their manuals, independent of the
 * header.
 */
static const __u32 vmx_undefined[] = { 35, 38, 42, 71, 82, 83 };
#define VMX_REASONS	86

static const struct {
	__u32 first, last;
} svm_defined[] = {
	{ 0, 0xa6 }, { 0x400, 0x403 }, { 0xfffffffc, 0xffffffff },
};

static inline bool defined(__u32 reason)
{
	size_t i;

	if (on_amd()) {
		for (i = 0; i < 3; i++)
			if (reason >= svm_defined[i].first &&
			    reason <= svm_defined[i].last)
				return true;
		return false;
	}

	for (i = 0; i < 6; i++)
		if (reason == vmx_undefined[i])
			return false;
	return reason < VMX_REASONS;
}

/*
 * Does the host count this reason, given in 16 bits?  It counts all reasons that are
 * defined, and some more.
 */
static inline bool is_counted(__u32 reason)
{
	if (!on_amd())
		return reason < 180;
	return reason < 0xa8 || (reason >= 0x400 && reason < 0x408) ||
	       (reason >= 0xfffc && reason <= 0xffff);
}

/* The next defined reason after @reason; 0 after the last one. */
static inline __u32 next_defined(__u32 reason)
{
	do {
		reason++;
		if (on_amd() && reason == 0x404)
			reason = 0xfffffffc;
		if (!on_amd() && reason == VMX_REASONS)
			return 0;
	} while (reason && !defined(reason));
	return reason;
}

/* KVM has no hypercall of this number, and refuses every hypercall of userspace. */
static inline void hypercall(void)
{
	long ret;

	if (on_amd())
		asm volatile("vmmcall" : "=a" (ret) : "0" (-1L) : "memory");
	else
		asm volatile("vmcall" : "=a" (ret) : "0" (-1L) : "memory");
}

/* Does the guest's kernel make hypercalls when it schedules? */
static inline bool kernel_makes_hypercalls(void)
{
	__u32 features = ask(KVM_CPUID_FEATURES, 0).eax;

	return features & (1 << KVM_FEATURE_PV_UNHALT |
			   1 << KVM_FEATURE_PV_SEND_IPI |
			   1 << KVM_FEATURE_PV_SCHED_YIELD);
}

#endif /* _CPUID_LEAVES_H */
