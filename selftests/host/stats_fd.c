// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: KVM's own statistics of a vCPU, which a VMM reads from a file
 * descriptor, contain its exits by reason.
 */
#include "vm.h"
#include "harness.h"

#define TIMES	1000
#define NAME	"exits_by_reason"
#define ROWS	182

FIXTURE(stats_fd)
{
	struct vm vm;
	struct vcpu vcpu;
	struct kvm_stats_header header;
	struct table table;
	char text[TEXT_BYTES];
	int fd;
};

FIXTURE_SETUP(stats_fd)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(vm_create(&self->vm));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
	self->fd = ioctl(self->vcpu.fd, KVM_GET_STATS_FD, NULL);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(sizeof(self->header), pread(self->fd, &self->header,
					      sizeof(self->header), 0));
}

FIXTURE_TEARDOWN(stats_fd)
{
	close(self->fd);
	vm_destroy(&self->vm);
}

struct named {
	struct kvm_stats_desc desc;
	char name[64];
};

/* Read the @i-th descriptor.  Return false if it is not complete. */
static bool descriptor(int fd, struct kvm_stats_header *h, __u32 i, struct named *d)
{
	ssize_t size = sizeof(d->desc) + h->name_size;

	return h->name_size <= sizeof(d->name) &&
	       pread(fd, d, size, h->desc_offset + i * size) == size;
}

static bool find(int fd, struct kvm_stats_header *h, struct named *d)
{
	__u32 i;

	for (i = 0; i < h->num_desc; i++)
		if (descriptor(fd, h, i, d) && !strcmp(d->name, NAME))
			return true;
	return false;
}

TEST_F(stats_fd, has_a_number_for_each_row)
{
	struct named d;

	ASSERT_TRUE(find(self->fd, &self->header, &d));
	EXPECT_EQ(KVM_STATS_TYPE_CUMULATIVE, d.desc.flags & KVM_STATS_TYPE_MASK);
	EXPECT_EQ(KVM_STATS_UNIT_NONE, d.desc.flags & KVM_STATS_UNIT_MASK);
	EXPECT_EQ(0, d.desc.exponent);
	EXPECT_EQ(ROWS, d.desc.size);
	EXPECT_EQ(0, d.desc.bucket_size);
}

/* With the new statistic, the file still has the format that KVM documents. */
TEST_F(stats_fd, descriptors_lie_side_by_side)
{
	struct kvm_stats_header *h = &self->header;
	__u32 i, end = 0;
	struct named d;
	__u64 last;

	for (i = 0; i < h->num_desc; i++) {
		ASSERT_TRUE(descriptor(self->fd, h, i, &d));
		EXPECT_LT(0, strnlen(d.name, h->name_size));
		EXPECT_GT(h->name_size, strnlen(d.name, h->name_size));
		EXPECT_EQ(end, d.desc.offset)
			TH_LOG("%s", d.name);
		end = d.desc.offset + d.desc.size * sizeof(__u64);
	}
	ASSERT_EQ(sizeof(last), pread(self->fd, &last, sizeof(last),
				      h->data_offset + end - sizeof(last)));
}

/* The row of a reason, as exit-stats.rst lists the rows. */
static int row_number(__u32 reason)
{
	if (!on_amd() || reason < 0xa8)
		return reason + 1;
	return reason < 0x408 ? reason - 0x400 + 169 : reason + 181;
}

TEST_F(stats_fd, is_the_table_while_the_vcpu_stands_still)
{
	__u64 exits[ROWS], sum = 0;
	struct table *t = &self->table;
	struct named d;
	int i;

	ASSERT_TRUE(find(self->fd, &self->header, &d));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_out, 2 * TIMES, 0, 0, NULL));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, KVM_VMEXIT_LEAF_VCPU, 0, NULL));
	ASSERT_EQ(sizeof(exits), pread(self->fd, exits, sizeof(exits),
				       self->header.data_offset + d.desc.offset));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));

	for (i = 0; i < t->rows; i++)
		EXPECT_EQ(t->row[i].value[EXITS],
			  exits[row_number(t->row[i].reason)])
			TH_LOG("%s", t->row[i].name);
	for (i = 0; i < ROWS; i++)
		sum += exits[i];
	EXPECT_EQ(t->total.value[EXITS], sum);
	EXPECT_EQ(2 * TIMES, exits_of(t, REASON_CPUID));
	EXPECT_EQ(2 * TIMES, exits_of(t, REASON_PORT_IO));
}

TEST_HARNESS_MAIN
