// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: a guest asks for everything that it should not, in all modes of
 * the processor, and gets only what the interface defines.
 */
#include "modes.h"
#include "harness.h"

/* Values of ECX where the answer of a leaf changes, and their neighbours. */
static const __u32 boundary[] = {
	0, 1, 2, 10, 33, 34, 35, 0x72, 0xa6, 0xa7, 0xa8, 0xb3, 0xb4, 0xb5, 0xff,
	0x100, 0x101, 0xb00, 0xb01, 0xc00, 0xc01, 0xff00, 0x3ff, 0x400, 0x403,
	0x404, 0x7fff, 0x10000, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffb,
	0xfffffffc, 0xffffffff,
};

/*
 * Judge an answer to a VM with few exits and short stops.  @t is the host's table of
 * this VM.  Return "lawful", or what is wrong.
 */
static const char *judge(__u32 leaf, __u32 index, struct regs r, __u32 rows,
			 const struct table *t)
{
	__u32 words[3], bucket, all = r.eax | r.ebx | r.ecx | r.edx;
	const __u64 few = 1ULL << 32, many = 1ULL << 44;
	/* In the live leaves, these registers have the exits and the cycles. */
	__u64 exits = pair(r.eax, r.edx), cycles = pair(r.ecx, r.ebx);

	memcpy(words, "KVMExitStats", sizeof(words));
	switch (leaf) {
	case 0x4fffffff:
		return exits > few || cycles > many ? "total" : "lawful";
	case 0x4ffffffe:
		if (!defined(index))
			return r.eax || r.edx != ~0u || cycles > many ?
				"undefined reason" : "lawful";
		return exits > few || cycles > many ? "total cycles" : "lawful";
	case 0x4ffffffd:
	case 0x4ffffffc:
		if (!defined(index))
			return r.eax | r.ebx | r.ecx || r.edx != ~0u ?
				"undefined reason" : "lawful";
		return exits > few || cycles > many ? "reason" : "lawful";
	case 0x4fffff00:
		return r.eax != 0x4fffff07 || r.ebx != words[0] ||
			r.ecx != words[1] || r.edx != words[2] ?
			"signature" : "lawful";
	case 0x4fffff01:
		return r.eax != 2 || r.ebx != 0x3f || r.ecx != (on_amd() ? 2 : 1) ||
			r.edx != t->tsc_khz ? "interface" : "lawful";
	case 0x4fffff02:
		return r.eax != t->generation || r.ebx || r.ecx != 1 || r.edx ?
			"VM" : "lawful";
	case 0x4fffff03:
		return r.eax >> 16 != 0x4b58 || !(r.eax & 0xffff) ||
			r.ebx != t->generation || pair(r.ecx, r.edx) > few ?
			"snapshot" : "lawful";
	case 0x4fffff04:
		if (index >= rows)
			return all ? "row behind the last" : "lawful";
		return !pair(r.eax, r.ebx & 0xffff) ||
			pair(r.eax, r.ebx & 0xffff) > few ||
			!is_counted(r.ebx >> 16) ||
			pair(r.ecx, r.edx) > many ? "row" : "lawful";
	case 0x4fffff05:
		if (index >= rows)
			return all ? "stop behind the last row" : "lawful";
		/* All stops together take as long as the longest, or longer. */
		if (pair(r.eax, r.ebx) > many ||
		    pair(r.ecx, r.edx & 0xffff) > pair(r.eax, r.ebx))
			return "stop";
		/* There are percentiles only with a histogram. */
		for (bucket = r.edx >> 16 & 0x7fff; bucket; bucket >>= 5)
			if (!(r.edx >> 31) || (bucket & 31) >= 24)
				return "percentile";
		return "lawful";
	case 0x4fffff06:
		if ((index & 0xffff) >= rows || index >> 16 >= 12)
			return all ? "histogram behind the last" : "lawful";
		return pair(r.eax, r.ebx) > few || pair(r.ecx, r.edx) > few ?
			"histogram" : "lawful";
	case 0x4fffff07:
		if (!is_counted(index) && index != 0x10000)
			return all ? "vCPU's counts of no reason" : "lawful";
		return pair(r.eax, r.ebx & 0xffff) > few ||
			r.ebx >> 16 != tag_of(t->generation) ||
			pair(r.ecx, r.edx) > many ? "vCPU" : "lawful";
	}
	return all ? "undefined leaf" : "lawful";
}

FIXTURE(hostile)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(hostile)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(make_vm(&self->vm, &self->vcpu));
}

FIXTURE_TEARDOWN(hostile)
{
	vm_destroy(&self->vm);
}

TEST_F(hostile, there_is_no_row_before_a_snapshot)
{
	struct regs r;
	__u32 i, leaf;

	for (leaf = KVM_VMEXIT_LEAF_ROW; leaf <= KVM_VMEXIT_LEAF_HISTOGRAM; leaf++) {
		for (i = 0; i < 256; i++) {
			r = guest_ask(&self->vcpu, leaf, i);
			ASSERT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
		}
	}
}

TEST_F_TIMEOUT(hostile, every_leaf_answers_by_the_interface_in_every_mode, seconds(110))
{
	struct regs r;
	__u32 leaf, index, i, n;
	const char *verdict;
	enum cpu_mode mode;
	__u32 rows;

	srand(1);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	for (mode = 0; mode < MODES; mode++) {
		ASSERT_TRUE(set_mode(&self->vcpu, mode));
		ASSERT_TRUE(probe(&self->vcpu, mode, 0x4fffff03, 0, &r));
		rows = r.eax & 0xffff;
		for (leaf = 0x4fffff00; leaf <= 0x4fffffff; leaf++) {
			/* All boundaries if the leaf reads ECX, else random values. */
			n = leaf <= 0x4fffff07 || leaf >= 0x4ffffffc ?
				ARRAY_SIZE(boundary) + 10 : 4;
			for (i = 0; i < n; i++) {
				index = n > 4 && i < ARRAY_SIZE(boundary) ?
					boundary[i] : (__u32)rand() << 1 ^ rand();
				ASSERT_TRUE(probe(&self->vcpu, mode, leaf, index, &r))
					TH_LOG("%s: leaf %#x, ECX %#x: exit %u, or upper halves",
					       modes[mode].name, leaf, index,
					       self->vcpu.run->exit_reason);
				verdict = judge(leaf, index, r, rows, &self->table);
				EXPECT_STREQ("lawful", verdict)
					TH_LOG("%s: leaf %#x, ECX %#x: %#x %#x %#x %#x",
					       modes[mode].name, leaf, index,
					       r.eax, r.ebx, r.ecx, r.edx);
				if (leaf == 0x4fffff03)
					rows = r.eax & 0xffff;
			}
		}
	}
}

/* The VMM defines all leaves except the last one.  KVM still answers the last one. */
TEST_F(hostile, a_vmm_hides_the_leaves_by_defining_them)
{
	struct {
		struct kvm_cpuid2 cpuid;
		struct kvm_cpuid_entry2 entry[14];
	} zero = {
		.cpuid.nent = 14,
		.entry = { CPUID_HYPERVISOR, CPUID_KVM, CPUID_LONG_MODE },
	};
	__u32 i, n, leaf;
	struct regs r;

	for (i = 0; i < 11; i++)
		zero.entry[3 + i].function = i < 8 ? 0x4fffff00 + i :
						     0x4ffffffc + i - 8;
	ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_SET_CPUID2, &zero));
	for (i = 0; i < 12; i++) {
		leaf = i < 11 ? zero.entry[3 + i].function : 0x4fffffff;
		for (n = 0; n < ARRAY_SIZE(boundary); n++) {
			r = guest_ask(&self->vcpu, leaf, boundary[n]);
			EXPECT_EQ(leaf == 0x4fffffff,
				  !!(r.eax | r.ebx | r.ecx | r.edx))
				TH_LOG("leaf %#x, ECX %#x", leaf, boundary[n]);
		}
	}
}

/* The VMM defines a leaf for ECX = 5 alone: KVM must not answer it for other ECX. */
TEST_F(hostile, a_leaf_defined_for_one_subleaf_is_the_vmms_in_all)
{
	struct {
		struct kvm_cpuid2 cpuid;
		struct kvm_cpuid_entry2 entry[4];
	} one = {
		.cpuid.nent = 4,
		.entry = { CPUID_HYPERVISOR, CPUID_KVM, CPUID_LONG_MODE, {
			.index = 5, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = 1, .ebx = 2, .ecx = 3, .edx = 4,
		} },
	};
	static const __u32 leaves[] = {
		0x4fffff00, 0x4fffff01, 0x4fffff02, 0x4fffff03, 0x4fffff07,
		0x4fffff80, 0x4ffffffc, 0x4ffffffd, 0x4ffffffe, 0x4fffffff,
	};
	struct vcpu vcpu;
	struct regs r;
	size_t i, n;

	/* Take a new vCPU each time: once it has run, its CPUID cannot change. */
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		one.entry[3].function = leaves[i];
		ASSERT_TRUE(vcpu_create(&self->vm, &vcpu));
		ASSERT_EQ(0, ioctl(vcpu.fd, KVM_SET_CPUID2, &one));
		r = guest_ask(&vcpu, leaves[i], 5);
		EXPECT_TRUE(r.eax == 1 && r.ebx == 2 && r.ecx == 3 && r.edx == 4)
			TH_LOG("leaf %#x", leaves[i]);
		for (n = 0; n < ARRAY_SIZE(boundary); n++) {
			r = guest_ask(&vcpu, leaves[i], boundary[n]);
			EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx)
				TH_LOG("leaf %#x, ECX %#x", leaves[i], boundary[n]);
		}
	}
}

/* Only userspace gets the fault.  Without faulting the leaves answer again. */
TEST_F(hostile, cpuid_faulting_is_obeyed)
{
	struct {
		struct kvm_msrs msrs;
		struct kvm_msr_entry entry[2];
	} m = {
		.msrs.nmsrs = 2,
		.entry = { { .index = 0xce, .data = 1U << 31 },
			   { .index = 0x140, .data = 1 } },
	};
	struct kvm_regs regs;
	enum cpu_mode mode;
	struct regs r;
	__u32 leaf;

	ASSERT_EQ(2, ioctl(self->vcpu.fd, KVM_SET_MSRS, &m));
	for (mode = 0; mode < MODES; mode++) {
		ASSERT_TRUE(set_mode(&self->vcpu, mode));
		if (!modes[mode].cpl) {
			ASSERT_TRUE(probe(&self->vcpu, mode, KVM_VMEXIT_LEAF_SIGNATURE,
					  0, &r));
			EXPECT_EQ(0x4fffff07, r.eax);
			continue;
		}
		/* The guest has no stack for a #GP at CPL 3, which ends it. */
		for (leaf = 0x4fffff00; leaf <= 0x4fffffff; leaf++) {
			regs = (struct kvm_regs){ .rax = leaf };
			ASSERT_TRUE(set_mode(&self->vcpu, mode));
			ASSERT_FALSE(run_from(&self->vcpu, mode, PROBE, &regs))
				TH_LOG("%s: leaf %#x", modes[mode].name, leaf);
			ASSERT_EQ(KVM_EXIT_SHUTDOWN, self->vcpu.run->exit_reason);
		}
	}

	m.entry[1].data = 0;
	ASSERT_EQ(2, ioctl(self->vcpu.fd, KVM_SET_MSRS, &m));
	for (mode = 0; mode < MODES; mode++) {
		ASSERT_TRUE(set_mode(&self->vcpu, mode));
		ASSERT_TRUE(probe(&self->vcpu, mode, KVM_VMEXIT_LEAF_SIGNATURE, 0, &r));
		EXPECT_EQ(0x4fffff07, r.eax);
	}
}

TEST_HARNESS_MAIN
