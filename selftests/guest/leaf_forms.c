// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: userspace reads the leaves.  This does not need the module.
 */
#include "common.h"
#include "harness.h"

static void expect(struct __test_metadata *_metadata, __u32 leaf, __u32 index,
		   __u32 eax, __u32 ebx, __u32 ecx, __u32 edx)
{
	struct regs r = ask(leaf, index);

	EXPECT_TRUE(r.eax == eax && r.ebx == ebx && r.ecx == ecx && r.edx == edx)
		TH_LOG("leaf %#x, ECX %#x: %#x %#x %#x %#x", leaf, index,
		       r.eax, r.ebx, r.ecx, r.edx);
}

#define EXPECT_REGS(...)	expect(_metadata, __VA_ARGS__)

#define UNDEFINED	0xffffffffu

/* Values of ECX, for leaves that ignore it, or that are zero for these values. */
static const __u32 odd[] = {
	1, 7, 0x72, 0xff, 0x100, 0x400, 0xffff, 0x10000, 0x7fffffff,
	0x80000000, 0xffffff00, 0xffffffff,
};

struct snapshot {
	unsigned int nr;
	__u64 total;
	__u32 reason[256];
	struct regs row[256], stopped[256];
};

static __u64 row_exits(struct regs *r)
{
	return pair(r->eax, r->ebx & 0xffff);
}

static void read_rows(struct snapshot *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		s->row[i] = ask(KVM_VMEXIT_LEAF_ROW, i);
		s->stopped[i] = ask(KVM_VMEXIT_LEAF_STOPPED, i);
		s->reason[i] = (__s16)(s->row[i].ebx >> 16);
	}
}

static void take_snapshot(struct snapshot *s)
{
	struct regs r = ask(KVM_VMEXIT_LEAF_SNAPSHOT, 0);

	memset(s, 0, sizeof(*s));
	s->nr = r.eax & 0xffff;
	s->total = pair(r.ecx, r.edx);
	read_rows(s);
}

static __u32 snapshot_reason(struct snapshot *s, unsigned int i)
{
	return s->reason[i];
}

static __u64 snapshot_exits(struct snapshot *s, __u32 reason)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (snapshot_reason(s, i) == reason)
			return row_exits(&s->row[i]);
	return 0;
}

FIXTURE(leaves)
{
	struct snapshot s;
	__u32 cpuid;
};

FIXTURE_SETUP(leaves)
{
	if (!host_signs())
		SKIP(return, "not the guest of a KVM with exit statistics");
	self->cpuid = REASON_CPUID;
	ASSERT_EQ(0, pin(0));
}

FIXTURE_TEARDOWN(leaves)
{
}

TEST_F(leaves, signature_comes_with_the_highest_leaf)
{
	__u32 word[3];
	size_t i;

	memcpy(word, "KVMExitStats", sizeof(word));
	EXPECT_REGS(0x4fffff00, 0, 0x4fffff07, word[0], word[1], word[2]);
	for (i = 0; i < ARRAY_SIZE(odd); i++)
		EXPECT_REGS(0x4fffff00, odd[i], 0x4fffff07, word[0], word[1],
			    word[2]);
}

TEST_F(leaves, interface_is_version_2_for_this_vendor)
{
	struct regs r = ask(0x4fffff01, 0);

	EXPECT_EQ(2, r.eax);
	/* A KVM that was not patched takes no samples. */
	EXPECT_EQ(0x2e, r.ebx & ~(KVM_VMEXIT_FEAT_STOPPED |
				  KVM_VMEXIT_FEAT_SAMPLE));
	EXPECT_EQ(on_amd() ? 2 : 1, r.ecx);
	EXPECT_NE(0, r.edx);
}

TEST_F(leaves, vm_has_a_generation_that_stays)
{
	struct regs r = ask(0x4fffff02, 0);

	EXPECT_NE(0, r.eax);
	EXPECT_EQ(0, r.ecx & ~KVM_VMEXIT_VM_FROM_ZERO);
	EXPECT_REGS(0x4fffff02, 0, r.eax, 0, r.ecx, 0);

	r.ebx = ask(KVM_VMEXIT_LEAF_SNAPSHOT, 0).ebx;
	EXPECT_EQ(r.eax, r.ebx);
}

TEST_F(leaves, total_has_all_exits_and_all_cycles)
{
	__u64 exits, cycles;
	struct regs r;
	size_t i;

	r = ask(0x4fffffff, 0);
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		exits = pair(r.eax, r.edx);
		cycles = pair(r.ecx, r.ebx);
		EXPECT_NE(0, exits);
		EXPECT_NE(0, cycles);
		r = ask(0x4fffffff, odd[i]);
		EXPECT_LT(exits, pair(r.eax, r.edx));
		EXPECT_LT(cycles, pair(r.ecx, r.ebx));
	}
}

TEST_F(leaves, total_cycles_has_all_cycles_whatever_the_reason)
{
	__u64 cycles;
	struct regs r;
	size_t i;

	r = ask(0x4ffffffe, 0);
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		cycles = pair(r.ecx, r.ebx);
		EXPECT_NE(0, cycles);
		r = ask(0x4ffffffe, odd[i]);
		EXPECT_LT(cycles, pair(r.ecx, r.ebx));
		EXPECT_EQ(defined(odd[i]) ? 0 : UNDEFINED, r.edx);
	}
}

/* Both leaves have the exits of a reason.  The second one is read one CPUID later. */
TEST_F(leaves, exits_of_a_reason_are_in_eax_and_edx)
{
	struct regs total = ask(0x4ffffffe, self->cpuid);
	struct regs reason = ask(0x4ffffffd, self->cpuid);

	EXPECT_NE(0, pair(total.eax, total.edx));
	EXPECT_EQ(pair(total.eax, total.edx) + 1, pair(reason.eax, reason.edx));
	EXPECT_LT(pair(total.ecx, total.ebx), pair(reason.ecx, reason.ebx));
}

TEST_F(leaves, cycles_of_a_reason_are_in_ecx_and_ebx)
{
	struct regs total = ask(0x4fffffff, 0);
	struct regs first = ask(0x4ffffffc, self->cpuid);
	struct regs second = ask(0x4ffffffc, self->cpuid);

	EXPECT_LT(pair(total.eax, total.edx), pair(first.eax, first.edx));
	EXPECT_LT(pair(first.eax, first.edx), pair(second.eax, second.edx));

	EXPECT_NE(0, pair(first.ecx, first.ebx));
	EXPECT_LT(pair(first.ecx, first.ebx), pair(second.ecx, second.ebx));
	/* CPUID is one reason of several. */
	total = ask(0x4fffffff, 0);
	EXPECT_GT(pair(total.ecx, total.ebx), pair(second.ecx, second.ebx));
}

/* Ask for each reason up to 0x500, and for some of the higher ones. */
TEST_F(leaves, undefined_reasons_are_marked_and_no_others)
{
	static const __u32 far[] = {
		0x10000, 0x10072, 0x7fffffff, 0x80000000, 0x80000021,
		0xfffffbff, 0xffffff00, 0xfffffffb,
	};
	__u32 reason;
	struct regs r;
	size_t i;

	for (reason = 0; reason < 0x500; reason++) {
		r = ask(0x4ffffffd, reason);
		EXPECT_EQ(defined(reason) ? 0 : UNDEFINED, r.edx)
			TH_LOG("reason %#x", reason);
		if (defined(reason))
			continue;
		EXPECT_REGS(0x4ffffffd, reason, 0, 0, 0, UNDEFINED);
		EXPECT_REGS(0x4ffffffc, reason, 0, 0, 0, UNDEFINED);
		r = ask(0x4ffffffe, reason);
		EXPECT_EQ(0, r.eax);
		EXPECT_EQ(UNDEFINED, r.edx);
	}

	for (i = 0; i < ARRAY_SIZE(far); i++) {
		EXPECT_REGS(0x4ffffffd, far[i], 0, 0, 0, UNDEFINED);
		EXPECT_REGS(0x4ffffffc, far[i], 0, 0, 0, UNDEFINED);
	}

	for (reason = 0xfffffffc; reason; reason++) {
		r = ask(0x4ffffffd, reason);
		EXPECT_EQ(on_amd() ? 0 : UNDEFINED, r.edx);
	}
}

/* SMIs of I/O, GETSEC and RSM on VMX; reads of CR1 and CR5, and MCOMMIT on SVM. */
TEST_F(leaves, reasons_that_kvm_never_enables_are_zero)
{
	static const __u32 svm[] = { 0x01, 0x05, 0xa3 }, vmx[] = { 5, 11, 17 };
	const __u32 *never = on_amd() ? svm : vmx;
	size_t i, n = on_amd() ? ARRAY_SIZE(svm) : ARRAY_SIZE(vmx);
	struct regs r;

	for (i = 0; i < n; i++) {
		r = ask(0x4ffffffe, never[i]);
		EXPECT_EQ(0, r.eax | r.edx);
		EXPECT_REGS(0x4ffffffd, never[i], 0, 0, 0, 0);
		EXPECT_REGS(0x4ffffffc, never[i], 0, 0, 0, 0);
	}
}

TEST_F(leaves, leaves_in_between_are_zero)
{
	__u32 leaf;
	size_t i;

	for (leaf = 0x4fffff08; leaf < 0x4ffffffc; leaf++) {
		EXPECT_REGS(leaf, 0, 0, 0, 0, 0);
		for (i = 0; i < ARRAY_SIZE(odd); i++)
			EXPECT_REGS(leaf, odd[i], 0, 0, 0, 0);
	}
}

TEST_F(leaves, snapshot_rows_ascend_and_add_up)
{
	struct snapshot *s = &self->s;
	struct regs r = ask(0x4fffff03, 0x1234);
	__u64 sum = 0;
	unsigned int i;

	EXPECT_EQ(0x4b58, r.eax >> 16);
	EXPECT_NE(0, r.eax & 0xffff);

	take_snapshot(s);
	for (i = 0; i < s->nr; i++) {
		EXPECT_NE(0, row_exits(&s->row[i]));
		EXPECT_TRUE(defined(snapshot_reason(s, i)));
		if (i)
			EXPECT_LT(s->reason[i - 1], s->reason[i]);
		sum += row_exits(&s->row[i]);
	}
	EXPECT_EQ(sum, s->total);
}

TEST_F(leaves, there_are_no_rows_behind_the_last)
{
	struct snapshot *s = &self->s;
	__u32 pairs;
	size_t i;

	take_snapshot(s);
	for (i = s->nr; i < 0x300; i++) {
		EXPECT_REGS(KVM_VMEXIT_LEAF_ROW, i, 0, 0, 0, 0);
		EXPECT_REGS(KVM_VMEXIT_LEAF_STOPPED, i, 0, 0, 0, 0);
	}
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		if (odd[i] < s->nr)
			continue;
		EXPECT_REGS(KVM_VMEXIT_LEAF_ROW, odd[i], 0, 0, 0, 0);
		EXPECT_REGS(KVM_VMEXIT_LEAF_STOPPED, odd[i], 0, 0, 0, 0);
	}

	/* Bits 15:0 are the row, and the bits above are the pair of buckets. */
	for (pairs = 0; pairs < 12; pairs++)
		for (i = s->nr; i < 0x100; i++)
			EXPECT_REGS(KVM_VMEXIT_LEAF_HISTOGRAM, pairs << 16 | i,
				    0, 0, 0, 0);
	for (pairs = 12; pairs < 0x100; pairs++)
		EXPECT_REGS(KVM_VMEXIT_LEAF_HISTOGRAM, pairs << 16, 0, 0, 0, 0);
	EXPECT_REGS(KVM_VMEXIT_LEAF_HISTOGRAM, 0x1000000, 0, 0, 0, 0);
	EXPECT_REGS(KVM_VMEXIT_LEAF_HISTOGRAM, 0x80000000, 0, 0, 0, 0);
	EXPECT_REGS(KVM_VMEXIT_LEAF_HISTOGRAM, 0xffffff00, 0, 0, 0, 0);
}

/*
 * The count of CPUID is known exactly.  The count of another reason may grow between
 * two reads of its live leaf.  If it does not grow, the snapshot has the same count.
 */
TEST_F(leaves, snapshot_equals_the_live_leaves)
{
	struct snapshot *s = &self->s;
	__u32 reason = 0;
	__u64 before, after, exits;
	int i;

	for (i = 0; i < 100; i++) {
		before = live_exits(self->cpuid);
		take_snapshot(s);
		ASSERT_EQ(before + 1, snapshot_exits(s, self->cpuid));
	}

	do {
		before = live_exits(reason);
		take_snapshot(s);
		after = live_exits(reason);
		exits = snapshot_exits(s, reason);
		ASSERT_TRUE(before <= exits && exits <= after)
			TH_LOG("reason %#x: %llu <= %llu <= %llu", reason,
			       before, exits, after);
		reason = next_defined(reason);
	} while (reason);
}

TEST_F(leaves, snapshot_stands_still_while_exits_go_on)
{
	struct snapshot *s = &self->s;
	__u64 before, after;
	struct snapshot old;
	int i;

	take_snapshot(s);
	old = *s;

	before = live_exits(self->cpuid);
	for (i = 0; i < 10000; i++)
		ask(0, 0);
	usleep(20000);
	after = live_exits(self->cpuid);
	EXPECT_EQ(before + 10001, after);

	read_rows(s);
	EXPECT_EQ(0, memcmp(s, &old, sizeof(old)));
}

TEST_F(leaves, snapshot_is_of_its_cpu_and_of_the_whole_vm)
{
	struct snapshot *s = &self->s;
	struct snapshot old, other;

	if (cpus() < 2)
		SKIP(return, "there is one CPU");

	take_snapshot(s);
	old = *s;

	ASSERT_EQ(0, pin(1));
	take_snapshot(&other);
	EXPECT_LE(snapshot_exits(&old, self->cpuid) + 2 * old.nr + 1,
		  snapshot_exits(&other, self->cpuid));

	ASSERT_EQ(0, pin(0));
	read_rows(s);
	EXPECT_EQ(0, memcmp(s, &old, sizeof(old)));
}

/*
 * After each exit except the one that asks, the guest was entered again, which ended
 * the stop of that exit.  On one CPU there is no other exit.
 */
TEST_F(leaves, histogram_holds_every_exit)
{
	struct snapshot *s = &self->s;
	__u64 exits, stops;
	unsigned int i, n;
	struct regs r;

	if (!(ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ebx & KVM_VMEXIT_FEAT_STOPPED))
		SKIP(return, "the host does not measure stops");
	if (cpus() > 1)
		SKIP(return, "another CPU may be in a stop");

	take_snapshot(s);
	for (i = 0; i < s->nr; i++) {
		ASSERT_EQ(KVM_VMEXIT_STOPPED_HISTOGRAM,
			  s->stopped[i].edx & KVM_VMEXIT_STOPPED_HISTOGRAM);
		for (n = 0, stops = 0; n < 12; n++) {
			r = ask(KVM_VMEXIT_LEAF_HISTOGRAM, n << 16 | i);
			stops += pair(r.eax, r.ebx) + pair(r.ecx, r.edx);
		}
		exits = row_exits(&s->row[i]);
		if (snapshot_reason(s, i) == self->cpuid)
			exits--;
		EXPECT_EQ(exits, stops)
			TH_LOG("reason %#x", snapshot_reason(s, i));
	}
}

static __u64 vcpu_exits(struct regs *r)
{
	return pair(r->eax, r->ebx & 0xffff);
}

TEST_F(leaves, vcpu_leaf_leaves_out_the_exits_that_ask_it)
{
	__u32 row = self->cpuid & 0xffff;
	struct regs before, after;
	int i;

	before = ask(0x4fffff07, row);
	EXPECT_NE(0, vcpu_exits(&before));
	after = ask(0x4fffff07, row);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	for (i = 0; i < 100; i++) {
		ask(0, 0);
		after = ask(0x4fffff07, row);
	}
	EXPECT_EQ(vcpu_exits(&before) + 100, vcpu_exits(&after));
	EXPECT_LT(pair(before.ecx, before.edx), pair(after.ecx, after.edx));
}

TEST_F(leaves, vcpu_leaf_carries_a_tag_of_the_generation)
{
	__u32 tag = tag_of(ask(0x4fffff02, 0).eax);
	__u32 reason = 0;

	do {
		EXPECT_EQ(tag, ask(0x4fffff07, reason & 0xffff).ebx >> 16)
			TH_LOG("reason %#x", reason);
		reason = next_defined(reason);
	} while (reason);
	EXPECT_EQ(tag, ask(0x4fffff07, 0x10000).ebx >> 16);
}

TEST_F(leaves, vcpu_leaf_has_no_other_reasons)
{
	static const __u32 beyond[] = {
		0x408, 0x7fff, 0x8000, 0xfffb, 0x10001, 0x10072, 0x20000, 0x80000000, ~0u,
	};
	__u32 reason;
	size_t i;

	for (reason = on_amd() ? 0xa8 : 180; reason < 0x400; reason++)
		EXPECT_REGS(0x4fffff07, reason, 0, 0, 0, 0);
	for (i = 0; i < ARRAY_SIZE(beyond); i++)
		EXPECT_REGS(0x4fffff07, beyond[i], 0, 0, 0, 0);
}

TEST_HARNESS_MAIN
