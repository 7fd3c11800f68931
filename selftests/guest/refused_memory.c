// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest, when memory is short: a read gives a whole table or an error, and the
 * module loads completely or not at all.
 */
#include <sys/syscall.h>

#include "cgroup.h"
#include "common.h"
#include "fault.h"
#include "histogram.h"
#include "readers.h"
#include "harness.h"

#define READER_PAGES	16		/* more than a reader takes */

FIXTURE(refused_memory)
{
	struct table table;
	char text[TEXT_BYTES];
	int fd;
};

FIXTURE_SETUP(refused_memory)
{
	self->fd = open(FILE_NAME, O_RDONLY);
	if (self->fd < 0)
		SKIP(return, "kvm_exits.ko is not loaded");
}

FIXTURE_TEARDOWN(refused_memory)
{
	close(self->fd);
}

/* Refuse all allocations from the n-th page on, for each n. */
TEST_F_TIMEOUT(refused_memory, without_memory_there_is_no_half_a_table, seconds(110))
{
	static struct table table;
	static char text[TEXT_BYTES];
	int i, err, refused = 0, whole = 0;
	struct cgroup cgroup;
	ssize_t n;

	if (!cgroup_enter(&cgroup))
		SKIP(return, "no memory cgroup");

	for (i = 0; i < 3 * READER_PAGES; i++) {
		ASSERT_TRUE(limit_memory(&cgroup, i % READER_PAGES));
		n = read_file(FILE_NAME, text);
		err = errno;
		ASSERT_TRUE(unlimit_memory(&cgroup));
		if (n < 0) {
			ASSERT_EQ(ENOMEM, err);
			refused++;
		} else {
			ASSERT_STREQ("whole", parse_table(text, &table));
			whole++;
		}
	}

	TH_LOG("%d readers refused, %d not", refused, whole);
	EXPECT_LT(5, refused);
	EXPECT_LT(0, whole);
}

/* Parse the text of either file.  Return the same as parse_table(). */
static const char *parse_either(const char *name, char *text, struct table *t)
{
	static struct histogram h;

	if (strcmp(name, HISTOGRAM_NAME))
		return parse_table(text, t);
	return parse_histogram(text, &h, t);
}

/* Refuse one allocation at a time. */
TEST_F_TIMEOUT(refused_memory, any_allocation_may_be_refused, seconds(110))
{
	static const char * const names[] = { FILE_NAME, HISTOGRAM_NAME };
	static struct table table;
	static char text[TEXT_BYTES];
	struct faults faults;
	ssize_t n;
	int i;

	if (!faults_open(&faults))
		SKIP(return, "the kernel has no fault injection");

	/* The header of the histogram is compared with the header of this table. */
	ASSERT_STREQ("whole", read_table(&table));
	for (i = 0; i < 2; i++) {
		faults_restart(&faults);
		while (next_fault(&faults)) {
			n = read_file(names[i], text);
			ASSERT_TRUE(fault_was_harmless(&faults, n));
			if (n != -1)
				ASSERT_STREQ("whole", parse_either(names[i], text,
								   &table));
		}
		TH_LOG("%s: %d of %d allocations refuse a reader", names[i],
		       faults.refused, faults.attempts - 1);
		EXPECT_LT(0, faults.refused);
	}
}

/* If the module does not load, neither of its files exists.  It loads the next time. */
TEST_F_TIMEOUT(refused_memory, a_module_without_memory_is_refused, seconds(400))
{
	int ret, module = open(MODULE, O_RDONLY);
	struct faults faults;

	ASSERT_LE(0, module);
	if (!faults_open(&faults))
		SKIP(return, "the kernel has no fault injection");

	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK));
	while (next_fault(&faults)) {
		ret = syscall(SYS_finit_module, module, "", 0);
		ASSERT_TRUE(fault_was_harmless(&faults, ret));
		if (!ret) {
			ASSERT_STREQ("whole", read_table(&self->table));
			ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK));
			continue;
		}
		ASSERT_EQ(-1, access(FILE_NAME, F_OK));
		ASSERT_EQ(-1, access(HISTOGRAM_NAME, F_OK));
	}
	TH_LOG("%d of %d allocations refuse the module", faults.refused,
	       faults.attempts - 1);
	EXPECT_LT(0, faults.refused);
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
	close(module);
}

TEST_HARNESS_MAIN
