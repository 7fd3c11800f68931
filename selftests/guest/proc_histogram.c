// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/kvm_exits_histogram: its form, and that it agrees with /proc/kvm_exits.
 */
#include <sys/stat.h>

#include "common.h"
#include "histogram.h"
#include "harness.h"

static bool is_on(void)
{
	return ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ebx & KVM_VMEXIT_FEAT_STOPPED;
}

FIXTURE(histogram)
{
	struct table before, after;
	struct histogram h;
	char text[TEXT_BYTES];
	__u64 live;
	__u32 cpuid;
};

FIXTURE_SETUP(histogram)
{
	static char first[TEXT_BYTES], last[TEXT_BYTES];

	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");
	if (!is_on())
		SKIP(return, "the host does not measure stops");
	self->cpuid = REASON_CPUID;
	quiet_console();

	ASSERT_LT(0, read_file(FILE_NAME, first));
	ASSERT_LT(0, read_file(HISTOGRAM_NAME, self->text));
	self->live = live_exits(self->cpuid);
	ASSERT_LT(0, read_file(FILE_NAME, last));

	ASSERT_STREQ("whole", parse_table(first, &self->before));
	ASSERT_STREQ("whole", parse_histogram(self->text, &self->h,
					      &self->before));
	ASSERT_STREQ("whole", parse_table(last, &self->after));
}

FIXTURE_TEARDOWN(histogram)
{
}

TEST(file_is_there_if_the_host_measures_stops)
{
	struct stat st;

	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");
	if (!is_on()) {
		EXPECT_EQ(-1, access(HISTOGRAM_NAME, F_OK));
		EXPECT_EQ(ENOENT, errno);
		return;
	}
	ASSERT_EQ(0, stat(HISTOGRAM_NAME, &st));
	EXPECT_EQ(S_IFREG | 0444, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
}

TEST_F(histogram, nobody_reads)
{
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	EXPECT_LT(0, read_file(HISTOGRAM_NAME, self->text));
	EXPECT_STREQ("whole", parse_histogram(self->text, &self->h,
					      &self->before));
	EXPECT_EQ(-1, open(HISTOGRAM_NAME, O_WRONLY));
	EXPECT_EQ(EACCES, errno);
}

/* Reasons ascend in both files.  The histogram leaves out only those without exits. */
TEST_F(histogram, rows_are_those_of_the_table)
{
	struct histogram_row *r = self->h.row;
	struct row *b, *a;
	int i;

	for (i = 0; i < self->before.rows; i++) {
		b = &self->before.row[i];
		a = &self->after.row[i];
		if (r == &self->h.row[self->h.rows] ||
		    strtoul(r->reason, NULL, 10) != b->reason) {
			EXPECT_EQ(0, b->value[EXITS])
				TH_LOG("no row for %s", b->name);
			continue;
		}
		EXPECT_STREQ(b->name, r->name);
		EXPECT_LE(b->value[EXITS], r->exits);
		EXPECT_GE(a->value[EXITS], r->exits);
		EXPECT_LE(b->value[STOPPED], r->stopped);
		EXPECT_GE(a->value[STOPPED], r->stopped);
		r++;
	}
	EXPECT_EQ(self->h.rows, r - self->h.row);
}

TEST_F(histogram, headers_have_the_exits_of_a_read)
{
	if (cpus() > 1)
		SKIP(return, "another CPU may cause exits for CPUID");

	EXPECT_EQ(exits_of(&self->before, self->cpuid) +
		  self->before.exits_per_read + self->h.exits_per_read,
		  self->live);
}

/* The only exit that is missing is the CPUID that takes the snapshot. */
TEST_F(histogram, holds_every_exit)
{
	struct histogram_row *r;

	if (cpus() > 1)
		SKIP(return, "another CPU may be in a stop");

	for (r = self->h.row; r < &self->h.row[self->h.rows]; r++)
		EXPECT_EQ(r->exits, sum_of(r->bucket) +
			  (strtoul(r->reason, NULL, 10) == self->cpuid))
			TH_LOG("%s", r->name);
}

/* Compare the reasons that had no exit between the three reads. */
TEST_F(histogram, table_has_its_maximum_and_percentiles)
{
	struct row *b, *a;
	__u64 *bucket;
	int i, n, compared = 0;

	for (i = 0; i < self->h.rows; i++) {
		b = row_of(&self->before, strtoul(self->h.row[i].reason, NULL, 10));
		a = row_of(&self->after, b->reason);
		bucket = self->h.row[i].bucket;
		if (memcmp(a, b, sizeof(*a)) || !sum_of(bucket))
			continue;

		for (n = LAST_BUCKET; !bucket[n]; n--)
			;
		EXPECT_EQ(bucket_of(b->value[MAX]), n);
		for (n = 0; n < 3; n++)
			EXPECT_EQ(shown(percentile_of(bucket, permille[n]),
					b->value[MAX]), b->value[P50 + n])
				TH_LOG("%s", b->name);
		compared++;
	}
	EXPECT_LT(0, compared);
}

TEST_HARNESS_MAIN
