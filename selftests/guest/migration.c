// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest that reads the file without a pause while it is migrated: each read
 * gives a whole table of one host, or an error.
 *
 * Each test prints a line to the console when the host has to do its next step.
 */
#include "common.h"
#include "harness.h"

#define TIMES	20000

FIXTURE(migration)
{
	struct table old, new;
	char text[TEXT_BYTES];
	__u32 cpuid;
};

FIXTURE_SETUP(migration)
{
	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");
	self->cpuid = REASON_CPUID;
}

FIXTURE_TEARDOWN(migration)
{
}

static void print_ready(const char *what)
{
	printf("# ready: %s\n", what);
	fflush(stdout);
	quiet_console();
}

TEST_F_TIMEOUT(migration, counts_start_anew_on_another_patched_host, seconds(60))
{
	struct table *old = &self->old, *new = &self->new;
	int i;

	/* More exits than the new host will have counted at the first read there. */
	for (i = 0; i < TIMES; i++)
		ask(0, 0);
	ASSERT_STREQ("whole", read_table(old));
	print_ready("to migrate");

	for (;;) {
		ASSERT_STREQ("whole", read_table(new));
		if (new->generation != old->generation)
			break;
		ASSERT_LT(exits_of(old, self->cpuid), exits_of(new, self->cpuid));
		*old = *new;
	}
	EXPECT_NE(0, new->generation);
	EXPECT_GT(TIMES, exits_of(new, self->cpuid));

	/*
	 * On the new host counting is exact, too.  Read two more tables, because the
	 * read above began on the old host.
	 */
	ASSERT_STREQ("whole", read_table(old));
	ASSERT_STREQ("whole", read_table(new));
	EXPECT_EQ(old->generation, new->generation);
	EXPECT_EQ(exits_of(old, self->cpuid) + old->exits_per_read,
		  exits_of(new, self->cpuid));
}

TEST_F_TIMEOUT(migration, reading_fails_on_a_host_that_does_not_count, seconds(60))
{
	struct table *t = &self->new;
	const char *read;

	print_ready("to migrate to a host without");
	do {
		read = read_table(t);
	} while (!strcmp(read, "whole"));
	EXPECT_STREQ(strerror(ENODEV), read);

	EXPECT_EQ(-1, read_file(FILE_NAME, self->text));
	EXPECT_EQ(ENODEV, errno);
	/* The signature stays, and the VM leaf says why there are no counts. */
	EXPECT_TRUE(host_signs());
	EXPECT_EQ(KVM_VMEXIT_VM_OFF, ask(KVM_VMEXIT_LEAF_VM, 0).ecx);
}

TEST_F_TIMEOUT(migration, reading_works_once_they_are_turned_on, seconds(60))
{
	struct table *t = &self->new;
	const char *read;

	print_ready("to turn them on");
	do {
		read = read_table(t);
		if (strcmp(read, "whole"))
			ASSERT_STREQ(strerror(ENODEV), read);
	} while (strcmp(read, "whole"));
	EXPECT_NE(0, t->generation);
	EXPECT_GT(TIMES, exits_of(t, self->cpuid));
}

TEST_HARNESS_MAIN
