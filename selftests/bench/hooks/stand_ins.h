/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What exit_stats.h needs of the kernel, for a program.
 */
#ifndef _STAND_INS_H
#define _STAND_INS_H

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <asm/types.h>

#define CONFIG_KVM_EXIT_STATS	1

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define PAGE_SIZE		4096ul
#define SMP_CACHE_BYTES		64
#define U16_MAX			USHRT_MAX
#define U32_MAX			UINT_MAX
#define U64_MAX			ULLONG_MAX

#define noinline		__attribute__((noinline))
#define __aligned(x)		__attribute__((aligned(x)))
#define ____cacheline_aligned	__aligned(SMP_CACHE_BYTES)
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define BIT(n)			(1ul << (n))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof(*(a)))
#define BUILD_BUG_ON(x)		((void)sizeof(char[1 - 2 * !!(x)]))
#define min_t(type, a, b) ({			\
	type _a = (a), _b = (b);		\
						\
	_a < _b ? _a : _b;			\
})

#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))
#define OPTIMIZER_HIDE_VAR(x)	asm("" : "+r" (x))
#define DECLARE_BITMAP(name, n)	unsigned long name[((n) + 63) / 64]
#define static_key_enabled(key)	((key)->on)
/* The processor does not move later accesses before a load. */
#define smp_load_acquire(p)	READ_ONCE(*(p))
/* It does not move a store before earlier accesses.  The asm stops the compiler. */
#define smp_store_release(p, value) do {		\
	asm volatile("" : : : "memory");		\
	WRITE_ONCE(*(p), value);			\
} while (0)

static __always_inline unsigned long __fls(unsigned long word)
{
	asm("bsr %1, %0" : "=r" (word) : "rm" (word));
	return word;
}

static __always_inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | (u64)high << 32;
}

/*
 * A static branch works as in the kernel: it is five bytes of NOP in the code, or a
 * JMP, which static_key_switch() writes there.  The section jump_table has a struct
 * jump_entry for each branch.
 */
struct static_key {
	bool on;
};

struct static_key_false_deferred {
	struct static_key key;
};

struct jump_entry {
	u8 *code, *target;
	struct static_key *key;
	u64 jump_if;
};

#define DECLARE_STATIC_KEY_TRUE(name)	extern struct static_key name

/* Does the code jump?  It does when @key is @jump_if. */
static __always_inline bool jumps(struct static_key *key, bool jump_if)
{
	asm goto("1: .byte 0x0f, 0x1f, 0x44, 0, 0\n\t"
		 ".pushsection jump_table, \"aw\"\n\t"
		 ".balign 8\n\t"
		 ".quad 1b, %l[jump], %c0, %c1\n\t"
		 ".popsection" : : "i" (key), "i" (jump_if) : : jump);
	return false;
jump:
	return true;
}

static __always_inline bool static_branch_likely(struct static_key *key)
{
	return likely(!jumps(key, false));
}

static __always_inline bool static_branch_unlikely(struct static_key *key)
{
	return unlikely(jumps(key, true));
}

#define GFP_KERNEL_ACCOUNT	0
#define __GFP_ZERO		0
#define ENOMEM			12

static inline void *alloc_pages_exact(size_t size, int flags)
{
	void *pages = aligned_alloc(PAGE_SIZE, size);

	return pages ? memset(pages, 0, size) : NULL;
}

/* The processor of this machine. */
#define X86_FEATURE_SVM		0
bool boot_cpu_has(int feature);

/* The parts of KVM's structures of a VM and a vCPU that the hooks use. */
#define atomic_t	struct { int counter; }

#include <asm/kvm_exit_stats.h>
#include <uapi/asm/kvm_vmexit.h>

struct kvm_sregs;
struct msr_data;

struct kvm {
	struct {
		struct kvm_exit_stats_vm exit_stats;
	} arch;
};

struct kvm_vcpu {
	struct kvm *kvm;
	struct {
		struct kvm_exit_stats exit_stats;
	} arch;
	struct {
		u64 exits_by_reason[KVM_EXIT_STATS_COUNTS];
	} stat;
};

static inline struct kvm_exit_stats *vcpu_exit_stats(struct kvm_vcpu *vcpu)
{
	return &vcpu->arch.exit_stats;
}

static inline void exit_stats_ask_for_reset(struct kvm_vcpu *vcpu) { }

static inline u64 *vcpu_exits(struct kvm_vcpu *vcpu)
{
	return vcpu->stat.exits_by_reason;
}

static inline struct kvm_exit_stats_vm *vm_exit_stats(struct kvm *kvm)
{
	return &kvm->arch.exit_stats;
}

#endif /* _STAND_INS_H */
