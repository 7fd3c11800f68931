// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: guests that ask for what they should not, in all modes of
 * the processor, and a host that is in trouble while they do.
 */
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "cgroup.h"
#include "fault.h"
#include "vm.h"
#include "kselftest_harness.h"

#define SWITCHES	"/sys/module/kvm/parameters/"
#define GUEST_GDT	0x4000
#define GUEST_IDT	0x5000
#define GUEST_STACK	0x9000
#define PROBE		0x20000		/* CPUID, and out to the VMM */
#define REPORT		0x20002		/* only the latter */
#define INSTRUCTION	0x21000		/* any other one, and out */

#define VCPUS		4
#define SNAPSHOTS	100		/* of each vCPU */
#define KILLED		30		/* VMs */
#define SWITCHED	20		/* times */
#define VCPU_PAGES	40		/* more than a vCPU takes */
#define VCPU_BYTES	20480L		/* of its counters, the least */
#define MADE		100		/* VMs */

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

/* Where leaves take something, and around it. */
static const __u32 boundary[] = {
	0, 1, 2, 10, 33, 34, 35, 0x72, 0xa6, 0xa7, 0xa8, 0xb3, 0xb4, 0xb5, 0xff,
	0x100, 0x101, 0xb00, 0xb01, 0xc00, 0xc01, 0xff00, 0x3ff, 0x400, 0x403,
	0x404, 0x7fff, 0x10000, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffb,
	0xfffffffc, 0xffffffff,
};

FIXTURE(hostile)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
	__u32 cpuid;
};

static bool make_vm(struct vm *vm, struct vcpu *vcpu)
{
	static const __u8 probe[] = { 0x0f, 0xa2, 0xe6, 0x80 };
	__u64 *gdt, (*idt)[2];
	int i;

	if (!vm_create(vm) || !vcpu_create(vm, vcpu))
		return false;

	/* The memory is for the guest's userspace, too. */
	*(__u64 *)(vm->memory + GUEST_PML4) |= 4;
	*(__u64 *)(vm->memory + GUEST_PDPT) |= 4;
	*(__u64 *)(vm->memory + GUEST_PD) |= 4;
	memcpy(vm->memory + PROBE, probe, sizeof(probe));

	/* An exception reports, and that is all. */
	gdt = vm->memory + GUEST_GDT;
	gdt[1] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	idt = vm->memory + GUEST_IDT;
	for (i = 0; i < 32; i++)
		idt[i][0] = (REPORT & 0xffff) | 8 << 16 | 0x8e00ULL << 32 |
			    (__u64)REPORT >> 16 << 48;
	return true;
}

static bool set_mode(struct vcpu *vcpu, enum cpu_mode mode)
{
	int cpl = modes[mode].cpl;
	struct kvm_segment code = {
		.limit = ~0, .selector = 8 * (1 + cpl) + cpl, .type = 11,
		.present = 1, .dpl = cpl, .s = 1, .g = 1,
		.l = mode <= LONG_USER, .db = mode > LONG_USER,
	}, data = {
		.limit = ~0, .selector = 8 * (2 + cpl) + cpl, .type = 3,
		.present = 1, .dpl = cpl, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return false;

	if (mode >= VM86) {
		data = (struct kvm_segment){
			.limit = 0xffff, .type = 3, .present = 1, .dpl = cpl,
			.s = 1,
		};
		code = data;
		code.selector = PROBE >> 4;
		code.base = PROBE;
		code.type = mode == VM86 ? 3 : 11;
	}

	s.cr0 = modes[mode].cr0;
	s.cr3 = GUEST_PML4;
	s.cr4 = modes[mode].cr4;
	s.efer = modes[mode].efer;
	s.cs = code;
	s.ds = data;
	s.es = data;
	s.fs = data;
	s.gs = data;
	s.ss = data;
	/*
	 * Page 0 is empty: all ports are virtual-8086 mode's.  QEMU looks for a
	 * TSS that is not busy, VMX for one that is.
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

/* One run from @rip to the next report; false if it ends otherwise. */
static bool run_from(struct vcpu *vcpu, enum cpu_mode mode, __u64 rip,
		     struct kvm_regs *r)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	r->rip = mode >= VM86 ? rip - PROBE : rip;
	r->rflags = 0x3002 | modes[mode].rflags;	/* I/O for all */
	r->rsp = GUEST_STACK;
	if (ioctl(vcpu->fd, KVM_SET_REGS, r) ||
	    ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable) ||
	    ioctl(vcpu->fd, KVM_RUN, 0) || ioctl(vcpu->fd, KVM_GET_REGS, r))
		return false;
	return vcpu->run->exit_reason == KVM_EXIT_IO;
}

/*
 * Asks with garbage in all that is not asked: what the answer does not define
 * must have been cleared, in 64-bit mode with the upper halves.
 */
static bool probe(struct vcpu *vcpu, enum cpu_mode mode, __u32 leaf, __u32 index,
		  struct regs *regs)
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

/*
 * What a VM with few exits, none of them long, may be told, if @t is the host's
 * table of it: "lawful" or why not.
 */
static const char *judge(__u32 leaf, __u32 index, struct regs r, __u32 rows,
			 const struct table *t)
{
	__u32 words[3], bucket, all = r.eax | r.ebx | r.ecx | r.edx;
	const __u64 few = 1ULL << 32, cycles = 1ULL << 44;

	memcpy(words, "KVMExitStats", sizeof(words));
	switch (leaf) {
	case 0x4fffffff:
		return r.ecx | r.edx || pair(r.eax, r.ebx) > few ? "total" : "lawful";
	case 0x4ffffffe:
		return r.eax | r.edx || pair(r.ecx, r.ebx) > cycles ?
			"total cycles" : "lawful";
	case 0x4ffffffd:
	case 0x4ffffffc:
		if (!defined(index))
			return r.eax | r.ebx | r.ecx || r.edx != ~0u ?
				"undefined reason" : "lawful";
		if (leaf == 0x4ffffffd)
			return r.ecx | r.edx || pair(r.eax, r.ebx) > few ?
				"reason" : "lawful";
		return r.eax | r.edx || pair(r.ecx, r.ebx) > cycles ?
			"reason's cycles" : "lawful";
	case 0x4fffff00:
		return r.eax != 0x4fffff06 || r.ebx != words[0] ||
			r.ecx != words[1] || r.edx != words[2] ?
			"signature" : "lawful";
	case 0x4fffff01:
		return r.eax != 1 || r.ebx != 1 || r.ecx != (on_amd() ? 2 : 1) ||
			r.edx != t->tsc_khz ? "interface" : "lawful";
	case 0x4fffff02:
		return r.eax != t->generation || r.ebx != 180 || r.ecx ||
			r.edx != (on_amd() ? 0x403 : 85) ? "VM" : "lawful";
	case 0x4fffff03:
		return r.eax >> 8 != 0x4b5845 || !(r.eax & 0xff) ||
			r.ebx != t->generation || pair(r.ecx, r.edx) > few ?
			"snapshot" : "lawful";
	case 0x4fffff04:
		if (index >= rows)
			return all ? "row that is none" : "lawful";
		return !pair(r.eax, r.ebx & 0xffffff) ||
			pair(r.eax, r.ebx & 0xffffff) > few || r.ebx >> 24 >= 180 ||
			pair(r.ecx, r.edx) > cycles ? "row" : "lawful";
	case 0x4fffff05:
		if (index >= rows)
			return all ? "stop that is none" : "lawful";
		/* The longest is one of them; percentiles need a histogram. */
		if (pair(r.eax, r.ebx) > cycles ||
		    pair(r.ecx, r.edx & 0xffff) > pair(r.eax, r.ebx))
			return "stop";
		for (bucket = r.edx >> 16 & 0x7fff; bucket; bucket >>= 5)
			if (!(r.edx >> 31) || (bucket & 31) >= 24)
				return "percentile";
		return "lawful";
	case 0x4fffff06:
		if ((index & 0xff) >= rows || index >> 8 >= 12)
			return all ? "histogram that is none" : "lawful";
		return pair(r.eax, r.ebx) > few || pair(r.ecx, r.edx) > few ?
			"histogram" : "lawful";
	}
	return all ? "leaf that is none" : "lawful";
}

FIXTURE_SETUP(hostile)
{
	if (access(SWITCHES "exit_stats", F_OK))
		SKIP(return, "no KVM with exit statistics");
	self->cpuid = REASON_CPUID;
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

TEST_F_TIMEOUT(hostile, every_leaf_answers_by_the_interface_in_every_mode, 110)
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
		rows = r.eax & 0xff;
		for (leaf = 0x4fffff00; leaf <= 0x4fffffff; leaf++) {
			/* All boundaries where ECX matters, else a sample. */
			n = leaf <= 0x4fffff06 || leaf >= 0x4ffffffc ?
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
					rows = r.eax & 0xff;
			}
		}
	}
}

/* Each one by itself: the last is not defined here, and is KVM's. */
TEST_F(hostile, a_vmm_hides_the_leaves_by_defining_them)
{
	struct {
		struct kvm_cpuid2 cpuid;
		struct kvm_cpuid_entry2 entry[12];
	} zero = {
		.cpuid.nent = 11,
		.entry = { { .function = 0x80000001, .edx = 1 << 29 } },
	};
	__u32 i, n, leaf;
	struct regs r;

	for (i = 1; i <= 11; i++)
		zero.entry[i].function = i <= 7 ? 0x4fffff00 + i - 1 :
						  0x4ffffffc + i - 8;
	ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_SET_CPUID2, &zero));
	for (i = 1; i <= 11; i++) {
		leaf = zero.entry[i].function;
		for (n = 0; n < ARRAY_SIZE(boundary); n++) {
			r = guest_ask(&self->vcpu, leaf, boundary[n]);
			EXPECT_EQ(leaf == 0x4fffffff,
				  !!(r.eax | r.ebx | r.ecx | r.edx))
				TH_LOG("leaf %#x, ECX %#x", leaf, boundary[n]);
		}
	}
}

/* Which is for userspace alone; without it the answer comes. */
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
			EXPECT_EQ(0x4fffff06, r.eax);
			continue;
		}
		/* There is no way back from #GP at CPL 3 without a stack. */
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
		EXPECT_EQ(0x4fffff06, r.eax);
	}
}

/* Executed one by one; most exit, what else they do is of no interest. */
static const char * const instruction[] = {
	"\x0f\x21\xc0", "\x0f\x21\xc8", "\x0f\x21\xd0", "\x0f\x21\xd8", /* DR reads */
	"\x0f\x21\xe0", "\x0f\x21\xe8", "\x0f\x21\xf0", "\x0f\x21\xf8",
	"\x0f\x23\xc0", "\x0f\x23\xc8", "\x0f\x23\xd0", "\x0f\x23\xd8", /* and writes */
	"\x0f\x23\xe0", "\x0f\x23\xe8", "\x0f\x23\xf0", "\x0f\x23\xf8",
	"\x0f\x20\xe0", "\x0f\x22\xd9", "\x0f\x22\xe2", "\x44\x0f\x22\xc0", /* CRs */
	/* Without caches CR0 is not as the guest sees it. */
	"\x0f\x22\xc3\x0f\x20\xc0\x0f\x22\xc3",
	"\x0f\xa2", "\x0f\x32", "\x0f\x30", "\x0f\x33", "\x0f\x31",	/* CPUID, MSRs */
	"\x0f\x08", "\x0f\x09", "\xf3\x90", "\x0f\x0b", "\xcc", "\xf1",	/* WBINVD, #UD */
	"\x0f\x01\xc8", "\x0f\x01\xc9", "\x0f\x01\xd1", "\x0f\x01\xf9", /* MONITOR */
	"\x31\xc0\x0f\x01\xd8", "\x0f\x01\xd9", "\x0f\x01\xda", "\x0f\x01\xdb", /* SVM */
	"\x0f\x01\xdc", "\x0f\x01\xdd", "\x0f\x01\xde", "\x0f\x01\xdf",
	"\x0f\x01\xc1", "\x0f\x01\xc2", "\x0f\x01\xc3", "\x0f\x01\xc4", /* VMX */
	"\x0f\xc7\x33", "\x0f\xc7\x3b", "\x0f\x01\x3b", "\x0f\x01\xfd",
	/* A read of what the VMM emulates; its completion takes the next one's place. */
	"\x8a\x04\x25\x00\x00\x30\x00", "\x0f\xa2", "\xf4", "\x0f\x01\xee",
};

static void execute(struct vcpu *vcpu, struct vm *vm, enum cpu_mode mode,
		    const char *code, size_t n)
{
	struct kvm_regs r = {
		.rax = 0x1b, .rbx = 0xc0000033, .rcx = GUEST_PML4, .rdx = 0x20,
	};

	/* A register that can be written. */
	if (!memcmp(code, "\x0f\x30", 2))
		r.rcx = 0x10;
	memcpy(vm->memory + INSTRUCTION, code, n);
	memcpy(vm->memory + INSTRUCTION + n, "\xe6\x80", 2);
	if (set_mode(vcpu, mode))
		run_from(vcpu, mode, INSTRUCTION, &r);
}

static void exit_in_all_ways(struct vcpu *vcpu, struct vm *vm)
{
	size_t i;

	/* Beyond the memory: an access there goes to the VMM. */
	*(__u64 *)(vm->memory + GUEST_PD + 8) = 0x200087;

	for (i = 0; i < ARRAY_SIZE(instruction); i++)
		execute(vcpu, vm, LONG, instruction[i],
			instruction[i][0] == '\x8a' ? 7 : strlen(instruction[i]));

	/* Without a stack for CPL 0, this ends in a triple fault. */
	execute(vcpu, vm, LONG_USER, "\x0f\x0b", 2);
	set_mode(vcpu, LONG);
}

/* Sums up the rows of a snapshot; the first that is out of order ends it. */
static bool snapshot_adds_up(struct vcpu *vcpu, __u32 *rows, bool stopped)
{
	struct regs r, s = {};
	__u32 i, n, last = 0;
	__u64 rest;

	if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_SNAPSHOT, 0, &r))
		return false;
	*rows = r.eax & 0xff;
	if (r.eax >> 8 != KVM_VMEXIT_SNAPSHOT_MAGIC || !*rows)
		return false;
	rest = pair(r.ecx, r.edx);

	for (i = 0; i < *rows; i++) {
		if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_ROW, i, &r) ||
		    (i && r.ebx >> 24 <= last))
			return false;
		last = r.ebx >> 24;
		rest -= pair(r.eax, r.ebx & 0xffffff);

		if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_STOPPED, i, &s) ||
		    (!stopped && s.eax | s.ebx | s.ecx | s.edx))
			return false;
		for (n = 0; n < 12; n++) {
			if (!probe(vcpu, LONG, KVM_VMEXIT_LEAF_HISTOGRAM,
				   n << 8 | i, &r))
				return false;
			/* Only where the stopped leaf says that there is one. */
			if (!(s.edx >> 31) && r.eax | r.ebx | r.ecx | r.edx)
				return false;
		}
	}
	return !rest;
}

TEST_F(hostile, a_guest_that_exits_in_all_ways_stays_inside_its_snapshot)
{
	struct table *t = &self->table;
	__u32 rows;

	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	exit_in_all_ways(&self->vcpu, &self->vm);
	EXPECT_TRUE(snapshot_adds_up(&self->vcpu, &rows, true));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(rows, rows_used(t));
	/* A snapshot has no room for the histograms of so many. */
	if (on_amd())
		EXPECT_LT(33, rows);
}

TEST_F(hostile, without_the_second_clock_it_reads_nothing_of_it)
{
	struct vm vm;
	struct vcpu vcpu;
	__u32 rows;

	ASSERT_TRUE(write_to(SWITCHES "exit_stats_stopped", "0"));
	EXPECT_TRUE(make_vm(&vm, &vcpu) && set_mode(&vcpu, LONG));
	exit_in_all_ways(&vcpu, &vm);
	EXPECT_TRUE(snapshot_adds_up(&vcpu, &rows, false));
	ASSERT_STREQ("whole", vm_table(&vm, self->text, &self->table));
	EXPECT_EQ(rows, rows_used(&self->table));
	EXPECT_EQ(2, self->table.columns);
	vm_destroy(&vm);
	EXPECT_TRUE(write_to(SWITCHES "exit_stats_stopped", "1"));
}

struct runner {
	pthread_t thread;
	struct vcpu vcpu;
	bool done;
};

static void *take_snapshots(void *arg)
{
	struct runner *r = arg;
	__u32 rows, i;

	for (i = 0; i < SNAPSHOTS; i++)
		if (!snapshot_adds_up(&r->vcpu, &rows, true))
			return NULL;
	r->done = true;
	return NULL;
}

TEST_F_TIMEOUT(hostile, snapshots_of_all_vcpus_at_once_add_up, 110)
{
	struct runner runner[VCPUS] = { { .vcpu = self->vcpu } };
	int i;

	for (i = 1; i < VCPUS; i++)
		ASSERT_TRUE(vcpu_create(&self->vm, &runner[i].vcpu));
	for (i = 0; i < VCPUS; i++) {
		ASSERT_TRUE(set_mode(&runner[i].vcpu, LONG));
		ASSERT_EQ(0, pthread_create(&runner[i].thread, NULL,
					    take_snapshots, &runner[i]));
	}
	for (i = 0; i < VCPUS; i++) {
		pthread_join(runner[i].thread, NULL);
		EXPECT_TRUE(runner[i].done);
	}
}

/* A million where there is time for it. */
static __u64 many_exits(void)
{
	return atoi(getenv("exits") ?: "100000");
}

static void *exit_many_times(void *arg)
{
	struct runner *r = arg;

	r->done = vcpu_run(&r->vcpu, vm_cpuid, many_exits(),
			   KVM_VMEXIT_LEAF_ROW, 0, NULL);
	return NULL;
}

TEST_F_TIMEOUT(hostile, none_of_many_exits_is_lost_while_the_host_reads, 1400)
{
	struct runner runner = { .vcpu = self->vcpu };
	struct table *t = &self->table;
	__u64 last = 0;

	ASSERT_EQ(0, pthread_create(&runner.thread, NULL, exit_many_times,
				    &runner));
	do {
		ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
		ASSERT_LE(last, t->total.value[EXITS]);
		last = t->total.value[EXITS];
	} while (!exits_of(t, reason_of(0x78, 12)));
	pthread_join(runner.thread, NULL);
	EXPECT_TRUE(runner.done);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(many_exits(), exits_of(t, self->cpuid));
}

/*
 * QEMU's emulation, up to 8.0, goes on executing code that another CPU has
 * patched if it was translating it just then.
 */
static bool code_may_be_stale(void)
{
	struct regs r = ask(0x40000000, 0);

	return r.ebx == 0x54474354;	/* TCGT... */
}

/* Whatever is lost while it is off, no stop is longer than the test. */
TEST_F_TIMEOUT(hostile, switching_while_the_guest_runs_leaves_sane_counts, 1400)
{
	struct runner runner = { .vcpu = self->vcpu };
	struct table *t = &self->table;
	struct timespec start, end;
	__u64 cycles;
	int i;

	/* All that executes it does so on the CPU that patches it. */
	if (code_may_be_stale())
		ASSERT_EQ(0, pin(0));
	clock_gettime(CLOCK_MONOTONIC, &start);
	ASSERT_EQ(0, pthread_create(&runner.thread, NULL, exit_many_times,
				    &runner));
	for (i = 0; i < SWITCHED; i++) {
		EXPECT_TRUE(write_to(SWITCHES "exit_stats", i & 1 ? "1" : "0"));
		EXPECT_TRUE(write_to(SWITCHES "exit_stats_stopped", i & 2 ? "1" : "0"));
		ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	}
	EXPECT_TRUE(write_to(SWITCHES "exit_stats", "1"));
	EXPECT_TRUE(write_to(SWITCHES "exit_stats_stopped", "1"));
	pthread_join(runner.thread, NULL);
	EXPECT_TRUE(runner.done);

	clock_gettime(CLOCK_MONOTONIC, &end);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	cycles = (end.tv_sec - start.tv_sec + 1) * 1000ULL * t->tsc_khz;
	EXPECT_GE(many_exits(), exits_of(t, self->cpuid));
	EXPECT_LT(0, exits_of(t, self->cpuid));
	EXPECT_GT(cycles, t->total.value[CYCLES]);
	EXPECT_GT(cycles, t->total.value[STOPPED]);
	EXPECT_GT(cycles, t->total.value[MAX]);
}

static void *ask_for_ever(void *vcpu)
{
	vcpu_run(vcpu, vm_cpuid, 1ULL << 40, KVM_VMEXIT_LEAF_SNAPSHOT, 0, NULL);
	return NULL;
}

/* Two vCPUs that take snapshots, and so does the VMM. */
static void be_killed(struct vm *vm, struct vcpu *vcpu, char *text)
{
	struct vcpu other;
	pthread_t thread;
	struct table t;

	if (!make_vm(vm, vcpu) || !vcpu_create(vm, &other) ||
	    pthread_create(&thread, NULL, ask_for_ever, vcpu) ||
	    pthread_create(&thread, NULL, ask_for_ever, &other))
		_exit(1);
	for (;;)
		vm_table(vm, text, &t);
}

/* Who has the file of such a VM open is told that it is gone. */
TEST_F_TIMEOUT(hostile, vms_are_killed_in_the_middle_of_snapshots, 110)
{
	char pattern[64];
	int i, fd, status;
	glob_t names;
	pid_t child;

	for (i = 0; i < KILLED; i++) {
		child = fork();
		if (!child)
			be_killed(&self->vm, &self->vcpu, self->text);
		snprintf(pattern, sizeof(pattern),
			 "/sys/kernel/debug/kvm/%d-*/exit_stats", child);
		while (glob(pattern, 0, NULL, &names))
			usleep(1000);
		fd = open(names.gl_pathv[0], O_RDONLY);
		globfree(&names);
		ASSERT_LE(0, fd);

		usleep(i * 2000);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
		EXPECT_EQ(-1, read_text(fd, self->text));
		EXPECT_EQ(EIO, errno);
		close(fd);
	}
}

/* One that was made when memory was short lacks nothing. */
static bool new_vcpu_works(struct vm *vm, int fd)
{
	struct vcpu vcpu = { .fd = fd };
	__u32 rows;

	return vcpu_set_up(vm, &vcpu) && set_mode(&vcpu, LONG) &&
		snapshot_adds_up(&vcpu, &rows, true);
}

/* All of a vCPU is charged to its VMM; each allocation is refused in its turn. */
TEST_F_TIMEOUT(hostile, a_vcpu_without_memory_is_refused, 110)
{
	int i, fd, err, refused = 0;
	struct cgroup cgroup;
	__u32 rows;

	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	if (!cgroup_enter(&cgroup))
		SKIP(return, "no memory cgroup");

	for (i = 0; i < VCPU_PAGES; i++) {
		ASSERT_TRUE(limit_memory(&cgroup, i));
		fd = ioctl(self->vm.fd, KVM_CREATE_VCPU, self->vm.vcpus);
		err = errno;
		ASSERT_TRUE(unlimit_memory(&cgroup));
		if (fd >= 0) {
			self->vm.vcpus++;
			ASSERT_TRUE(new_vcpu_works(&self->vm, fd));
			continue;
		}
		ASSERT_EQ(ENOMEM, err);
		refused++;
		/* Those that there are go on. */
		ASSERT_TRUE(snapshot_adds_up(&self->vcpu, &rows, true));
	}

	TH_LOG("%d vCPUs refused, %d made", refused, self->vm.vcpus);
	EXPECT_LT(5, refused);
	EXPECT_LT(1, self->vm.vcpus);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
}

/* Pages, too, which kmemleak does not look for; all are charged to the VMM. */
TEST_F_TIMEOUT(hostile, vms_leave_no_memory_behind, 110)
{
	struct cgroup cgroup;
	long before = 0, after;
	int i;

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "with KASAN a kernel keeps what is freed");
	if (!cgroup_enter(&cgroup))
		SKIP(return, "no memory cgroup");

	for (i = 0; i < 2 * MADE; i++) {
		/* The first ones leave behind what is only made once. */
		if (i == MADE) {
			before = memory_taken(&cgroup);
			ASSERT_LT(0, before);
		}
		if (!fork())
			_exit(!make_vm(&self->vm, &self->vcpu));
		ASSERT_EQ(0, failed_children(1));
	}

	after = memory_taken(&cgroup);
	ASSERT_LT(0, after);
	TH_LOG("%ld bytes of %d VMs", after - before, MADE);
	EXPECT_GT(MADE * VCPU_BYTES / 2, after - before);
}

/*
 * What takes the host's memory for a VM.  All return -1 and errno on failure, or
 * the descriptor of a vCPU that is to be tried, or 0.
 */
static int make_another_vm(struct vm *vm)
{
	int fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);

	if (fd < 0)
		return -1;
	return close(fd);
}

static int make_another_vcpu(struct vm *vm)
{
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, vm->vcpus);

	if (fd < 0)
		return -1;
	vm->vcpus++;
	return fd;
}

static int read_host_table(struct vm *vm)
{
	static char text[TEXT_BYTES];
	static struct table t;

	errno = 0;
	return strcmp(vm_table(vm, text, &t), "whole") ? -1 : 0;
}

static const struct {
	const char *name;
	int (*try)(struct vm *vm);
} taker[] = {
	{ "a new VM", make_another_vm },
	{ "a new vCPU", make_another_vcpu },
	{ "the host's table", read_host_table },
};

/* One refusal at a time, of each: in no place does it do harm. */
TEST_F_TIMEOUT(hostile, any_allocation_may_be_refused, 110)
{
	int nth, err, refused, ret, faults = faults_open();
	bool fault;
	__u32 rows;
	size_t i;

	if (faults < 0)
		SKIP(return, "the kernel has no fault injection");

	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	for (i = 0; i < ARRAY_SIZE(taker); i++) {
		nth = 0;
		refused = 0;
		do {
			ASSERT_TRUE(fault_start(faults, ++nth));
			ret = taker[i].try(&self->vm);
			err = errno;
			fault = fault_end(faults);
			if (ret > 0)
				ASSERT_TRUE(new_vcpu_works(&self->vm, ret));
			if (ret >= 0)
				continue;
			ASSERT_TRUE(fault);
			ASSERT_EQ(ENOMEM, err);
			refused++;
			/* What there is goes on. */
			ASSERT_TRUE(snapshot_adds_up(&self->vcpu, &rows, true));
		} while (fault);
		TH_LOG("%d of %d allocations refuse %s", refused, nth - 1,
		       taker[i].name);
		EXPECT_LT(0, refused);
	}
	ASSERT_EQ(0, read_host_table(&self->vm));
}

TEST_HARNESS_MAIN
