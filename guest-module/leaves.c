// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking the host: all of this module's CPUID.
 *
 * The guest may wake up on another host after any instruction, one that has
 * counts of its own, or no exit statistics and another leaf's contents for an
 * answer.  So nothing is believed before it has proved to be of one snapshot.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <uapi/asm/kvm_para.h>

#include "module.h"

/* Each may meet a live migration, but not all of them. */
#define ATTEMPTS	6

/* What the last host said of itself, as long as its generation is seen. */
static struct {
	u32 isa;
	u32 features;
	u32 tsc_khz;
	u32 generation;
} host;
static DEFINE_SPINLOCK(host_lock);

/* The host does not sign, there are but the four live leaves. */
static bool live_only __ro_after_init;

static struct cpuid_regs ask(u32 leaf, u32 index)
{
	struct cpuid_regs r;

	cpuid_count(leaf, index, &r.eax, &r.ebx, &r.ecx, &r.edx);
	return r;
}

static struct cpuid_regs ask_for(struct exit_table *t, u32 leaf, u32 index)
{
	t->cost++;
	return ask(leaf, index);
}

static u64 pair(u32 low, u32 high)
{
	return low | (u64)high << 32;
}

static bool host_signs(void)
{
	struct cpuid_regs r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);
	u32 signature[] = { r.ebx, r.ecx, r.edx };

	return !memcmp(signature, KVM_VMEXIT_SIGNATURE, sizeof(signature));
}

static bool take_interface(struct exit_table *t)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_INTERFACE, 0);

	t->features = r.ebx;
	t->isa = r.ecx;
	t->tsc_khz = r.edx;
	return t->isa == KVM_VMEXIT_ISA_VMX || t->isa == KVM_VMEXIT_ISA_SVM;
}

static void take_stopped(struct exit_table *t, u32 i,
			 struct exit_table_row *row)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_STOPPED, i);

	row->stopped = pair(r.eax, r.ebx);
	row->max = pair(r.ecx, r.edx) &
		   GENMASK_ULL(KVM_VMEXIT_STOPPED_MAX_BITS - 1, 0);
	row->bucket[0] = r.edx >> KVM_VMEXIT_STOPPED_P50_SHIFT & 0x1f;
	row->bucket[1] = r.edx >> KVM_VMEXIT_STOPPED_P99_SHIFT & 0x1f;
	row->bucket[2] = r.edx >> KVM_VMEXIT_STOPPED_P999_SHIFT & 0x1f;
	row->histogram = r.edx & KVM_VMEXIT_STOPPED_HISTOGRAM;
}

static void take_histogram(struct exit_table *t, u32 i, u64 *bucket)
{
	struct cpuid_regs r;
	u32 n;

	for (n = 0; n < KVM_VMEXIT_BUCKETS; n += 2) {
		r = ask_for(t, KVM_VMEXIT_LEAF_HISTOGRAM, n / 2 << 8 | i);
		bucket[n] = pair(r.eax, r.ebx);
		bucket[n + 1] = pair(r.ecx, r.edx);
	}
}

/* Returns the row number, or KVM_VMEXIT_NO_ROW for what cannot be one. */
static u32 take_row(struct exit_table *t, u32 i, struct exit_table_row *row)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_ROW, i);
	u32 number = r.ebx >> KVM_VMEXIT_ROW_NR_SHIFT;

	row->exits = pair(r.eax, r.ebx) &
		     GENMASK_ULL(32 + KVM_VMEXIT_ROW_NR_SHIFT - 1, 0);
	row->cycles = pair(r.ecx, r.edx);
	return row->exits && number < KVM_VMEXIT_ROWS ? number :
						       KVM_VMEXIT_NO_ROW;
}

/*
 * A snapshot is this CPU's, until the next one is taken here, and stays behind
 * on the old host.  A row that is not zero proves that there is a snapshot, so
 * of each reason the row comes last.  The sum proves that the rows are of one
 * snapshot: a later one counts at least its own exit.
 */
static bool take_snapshot(struct exit_table *t,
			  kvm_exits_histogram *histogram)
{
	kvm_exits_histogram bucket;
	u32 i, nr, number, next = 0;
	struct cpuid_regs r;
	u64 rest;

	r = ask_for(t, KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	if (r.eax >> 8 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		return false;
	nr = r.eax & 0xff;
	rest = pair(r.ecx, r.edx);

	if (t->generation != r.ebx && !take_interface(t))
		return false;
	t->generation = r.ebx;

	for (i = 0; i < nr; i++) {
		struct exit_table_row row = {};

		if (t->features & KVM_VMEXIT_FEAT_STOPPED)
			take_stopped(t, i, &row);
		if (histogram && row.histogram)
			take_histogram(t, i, bucket);

		number = take_row(t, i, &row);
		if (number < next || number == KVM_VMEXIT_NO_ROW)
			return false;
		next = number + 1;
		rest -= row.exits;

		t->row[number] = row;
		if (histogram && row.histogram)
			memcpy(histogram[number], bucket, sizeof(bucket));
	}

	/* This exit is counted, so there is a row. */
	return nr && !rest;
}

/*
 * Dialects of the live leaves, by the registers that hold the numbers.
 *
 * @DIALECT_A: exits in EAX:EBX, cycles in ECX:EBX, one number in each leaf
 * @DIALECT_B: TOTAL has both numbers, TOTAL_CYCLES the exits of a reason
 * @DIALECT_BOTH: exits in EAX:EDX, cycles in ECX:EBX, as asm/kvm_vmexit.h has it
 */
enum dialect { DIALECT_NONE, DIALECT_A, DIALECT_B, DIALECT_BOTH };

static const char * const dialect_text[] = {
	[DIALECT_A]	= "exits in EAX:EBX, cycles in ECX:EBX",
	[DIALECT_B]	= "exits in EAX, no cycles for each reason (they show as 0)",
	[DIALECT_BOTH]	= "exits in EAX:EDX, cycles in ECX:EBX",
};

static enum dialect dialect __ro_after_init;

static u64 live_exits(struct exit_table *t, u32 leaf, u32 reason)
{
	struct cpuid_regs r;

	if (dialect == DIALECT_B && leaf == KVM_VMEXIT_LEAF_REASON)
		leaf = KVM_VMEXIT_LEAF_TOTAL_CYCLES;
	r = ask_for(t, leaf, reason);
	if (r.edx == KVM_VMEXIT_UNDEFINED)
		return 0;
	if (dialect == DIALECT_B)
		return r.eax;
	return pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
}

static u64 live_cycles(struct exit_table *t, u32 reason)
{
	struct cpuid_regs r;

	if (dialect == DIALECT_B)
		return 0;
	r = ask_for(t, KVM_VMEXIT_LEAF_REASON_CYCLES, reason);
	return r.edx == KVM_VMEXIT_UNDEFINED ? 0 : pair(r.ecx, r.ebx);
}

static u32 processor_isa(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	       boot_cpu_data.x86_vendor == X86_VENDOR_HYGON ?
	       KVM_VMEXIT_ISA_SVM : KVM_VMEXIT_ISA_VMX;
}

/* CPUID always exits, so its reason has a count. */
static enum dialect __init find_dialect(void)
{
	u32 reason = processor_isa() == KVM_VMEXIT_ISA_SVM ? 0x72 : 10;
	struct cpuid_regs total = ask(KVM_VMEXIT_LEAF_TOTAL, 0);
	struct cpuid_regs row = ask(KVM_VMEXIT_LEAF_REASON, reason);
	struct cpuid_regs time = ask(KVM_VMEXIT_LEAF_REASON_CYCLES, reason);

	if (!total.eax)
		return DIALECT_NONE;
	if (!total.ecx && !total.edx)
		return row.eax && !row.ecx && !time.eax && time.ecx ?
		       DIALECT_A : DIALECT_NONE;
	if (row.eax && row.ecx && time.eax && time.ecx)
		return DIALECT_BOTH;
	if (!total.edx && ask(KVM_VMEXIT_LEAF_TOTAL_CYCLES, reason).eax)
		return DIALECT_B;
	return DIALECT_NONE;
}

/*
 * Without a signature there is only the form of the answers to go by, and that
 * all exits have become more meanwhile, as no other leaf's contents do.
 */
static int take_all_live(struct exit_table *t)
{
	u32 i, reason;
	u64 before;

	t->isa = processor_isa();
	before = live_exits(t, KVM_VMEXIT_LEAF_TOTAL, 0);

	for (i = 0; i < KVM_VMEXIT_ROWS; i++) {
		reason = kvm_vmexit_reason(t->isa, i);
		if (!kvm_vmexit_defined(t->isa, reason))
			continue;
		t->row[i].exits = live_exits(t, KVM_VMEXIT_LEAF_REASON, reason);
		t->row[i].cycles = live_cycles(t, reason);
	}

	return live_exits(t, KVM_VMEXIT_LEAF_TOTAL, 0) > before ? 0 : -ENODEV;
}

/* Readers on one CPU take turns: they would take each other's snapshot away. */
static DEFINE_PER_CPU(struct mutex, snapshot_lock);

/*
 * This CPU may do other work meanwhile.  A process that takes snapshots here
 * all the time can make that fail, so the last attempt lets nothing run.
 */
static int try_snapshot(struct exit_table *t, kvm_exits_histogram *histogram,
			bool last)
{
	struct mutex *lock;
	int ret;

	migrate_disable();
	lock = this_cpu_ptr(&snapshot_lock);
	ret = mutex_lock_killable(lock);
	if (!ret) {
		if (last)
			preempt_disable();
		ret = take_snapshot(t, histogram) ? 0 : -EAGAIN;
		if (last)
			preempt_enable();
		mutex_unlock(lock);
	}
	migrate_enable();
	return ret;
}

/**
 * kvm_exits_take() - have the host count up a table
 * @t: the table
 * @histogram: room for the histograms by row number, or NULL; of rows that
 *	have none it is left alone
 *
 * Return: 0, or -ENODEV if the host has no exit statistics (any more),
 * -EOPNOTSUPP if it has them but no histograms, -EAGAIN if it gave no table,
 * -EINTR if the task is to die.
 */
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram)
{
	int i, err = -EAGAIN;

	memset(t, 0, sizeof(*t));
	if (live_only)
		return take_all_live(t);

	spin_lock(&host_lock);
	t->isa = host.isa;
	t->features = host.features;
	t->tsc_khz = host.tsc_khz;
	t->generation = host.generation;
	spin_unlock(&host_lock);

	for (i = 0; i < ATTEMPTS; i++) {
		err = try_snapshot(t, histogram, i == ATTEMPTS - 1);
		if (err != -EAGAIN)
			break;

		t->cost++;
		if (!host_signs())
			return -ENODEV;
		memset(t->row, 0, sizeof(t->row));
		t->generation = 0;
		/* The host may be making a gap in the counts. */
		usleep_range(1000, 2000);
	}
	if (err)
		return err;

	spin_lock(&host_lock);
	host.isa = t->isa;
	host.features = t->features;
	host.tsc_khz = t->tsc_khz;
	host.generation = t->generation;
	spin_unlock(&host_lock);

	if (histogram && !(t->features & KVM_VMEXIT_FEAT_STOPPED))
		return -EOPNOTSUPP;
	return 0;
}

/* What the host tells of its generation, as long as its tag is seen. */
#define KNOWN_FROM_ZERO	BIT(16)
#define KNOWN		BIT(17)

static u32 known;

static bool learn_tag(u32 tag)
{
	struct cpuid_regs vm;

	if (!(ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ebx & KVM_VMEXIT_FEAT_VCPU) ||
	    !host_signs())
		return false;

	vm = ask(KVM_VMEXIT_LEAF_VM, 0);
	if (!vm.eax || KVM_VMEXIT_TAG(vm.eax) != tag)
		return false;
	WRITE_ONCE(known, KNOWN | tag |
		   (vm.ecx & KVM_VMEXIT_VM_FROM_ZERO ? KNOWN_FROM_ZERO : 0));
	return true;
}

/**
 * kvm_exits_vcpu() - ask for the counts of the vCPU that this runs on
 * @row: row number, or KVM_VMEXIT_ROW_ALL
 * @c: where to put them
 *
 * This takes one exit, as long as the generation stays the same.
 *
 * Return: true, or false if the host has no such counts (any more).
 */
bool kvm_exits_vcpu(u32 row, struct kvm_exits_vcpu *c)
{
	struct cpuid_regs r;
	int i;

	for (i = 0; i < ATTEMPTS; i++) {
		u32 now = READ_ONCE(known);

		r = ask(KVM_VMEXIT_LEAF_VCPU, row);
		c->tag = r.ebx >> 16;
		if (now & KNOWN && (now & 0xffff) == c->tag) {
			c->from_zero = now & KNOWN_FROM_ZERO;
			c->exits = pair(r.eax, r.ebx & 0xffff);
			c->cycles = pair(r.ecx, r.edx);
			return true;
		}
		if (!learn_tag(c->tag))
			return false;
	}
	return false;
}

/**
 * kvm_exits_generation() - the generation of the host of now
 *
 * Return: the generation, or 0 if the host has none.
 */
u32 kvm_exits_generation(void)
{
	return ask(KVM_VMEXIT_LEAF_VM, 0).eax;
}

/**
 * kvm_exits_tsc_khz() - the frequency of the TSC of the host of now
 *
 * Return: in kHz, or 0 if the host has no exit statistics (any more).
 */
u32 kvm_exits_tsc_khz(void)
{
	u32 khz = ask(KVM_VMEXIT_LEAF_INTERFACE, 0).edx;

	return host_signs() ? khz : 0;
}

static void __init say_why_not(void)
{
	u32 max, name[3];

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR)) {
		pr_err("no exit statistics: this is bare metal\n");
	} else if (!hypervisor_cpuid_base(KVM_SIGNATURE, 0)) {
		cpuid(0x40000000, &max, &name[0], &name[1], &name[2]);
		pr_err("no exit statistics: the hypervisor is not KVM but \"%*pE\"\n",
		       (int)strnlen((char *)name, sizeof(name)), name);
	} else {
		pr_err("no exit statistics: the host's KVM is without the patch, or has it turned off\n");
	}
}

/**
 * kvm_exits_probe() - find out whether the host has exit statistics
 * @no_signature: the four live leaves are enough
 * @t: the host's first table
 *
 * Return: 0, or an error that the kernel log explains.
 */
int __init kvm_exits_probe(bool no_signature, struct exit_table *t)
{
	int cpu, err = -ENODEV;

	for_each_possible_cpu(cpu)
		mutex_init(per_cpu_ptr(&snapshot_lock, cpu));

	if (host_signs()) {
		err = kvm_exits_take(t, NULL);
		if (err)
			pr_err("the host signs, but gives no table: %pe\n",
			       ERR_PTR(err));
		return err;
	}

	if (no_signature && boot_cpu_has(X86_FEATURE_HYPERVISOR)) {
		live_only = true;
		dialect = find_dialect();
		if (dialect != DIALECT_NONE)
			err = kvm_exits_take(t, NULL);
		if (!err)
			pr_info("the host has no signature, its live leaves: %s\n",
				dialect_text[dialect]);
	}
	if (err)
		say_why_not();
	return err;
}
