// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/kvm_exits: its form, its permissions, ways to read it, and its numbers.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common.h"
#include "harness.h"

#define READERS	16

FIXTURE(file)
{
	int fd;
	__u32 cpuid;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(file)
{
	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");
	self->cpuid = REASON_CPUID;
	ASSERT_EQ(0, pin(0));
	self->fd = open(FILE_NAME, O_RDONLY);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

TEST_F(file, header_has_the_vendor_and_the_generation)
{
	struct table *t = &self->table;

	ASSERT_LT(0, read_text(self->fd, self->text));
	ASSERT_STREQ("whole", parse_table(self->text, t));

	EXPECT_EQ(1, t->version);
	EXPECT_STREQ(on_amd() ? "AMD" : "Intel", t->vendor);
	if (host_signs()) {
		EXPECT_EQ(ask(KVM_VMEXIT_LEAF_INTERFACE, 0).edx, t->tsc_khz);
		EXPECT_EQ(ask(KVM_VMEXIT_LEAF_VM, 0).eax, t->generation);
		EXPECT_EQ(ask(KVM_VMEXIT_LEAF_INTERFACE, 0).ebx &
			  KVM_VMEXIT_FEAT_STOPPED ? 7 : 2, t->columns);
	}
}

TEST_F(file, there_is_one_row_for_each_defined_reason)
{
	struct table *t = &self->table;
	__u32 reason = 0;
	int i, n;

	ASSERT_LT(0, read_text(self->fd, self->text));
	ASSERT_STREQ("whole", parse_table(self->text, t));

	for (i = 0; i < t->rows; i++) {
		EXPECT_EQ(reason, t->row[i].reason);
		reason = next_defined(reason);
	}
	EXPECT_EQ(0, reason);

	/* A name is one word in capitals, and no two rows have the same name. */
	for (i = 0; i < t->rows; i++) {
		EXPECT_EQ(strlen(t->row[i].name),
			  strspn(t->row[i].name,
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))
			TH_LOG("name %s", t->row[i].name);
		for (n = 0; n < i; n++)
			EXPECT_STRNE(t->row[n].name, t->row[i].name);
	}
}

TEST_F(file, names_are_the_kernels)
{
	static const struct {
		__u32 reason;
		const char *name;
	} svm[] = {
		{ 0x00, "READ_CR0" }, { 0x46, "UD_EXCP" }, { 0x60, "INTERRUPT" },
		{ 0x72, "CPUID" }, { 0x78, "HLT" }, { 0x7b, "IO" },
		{ 0x7c, "MSR" }, { 0x81, "HYPERCALL" }, { 0x400, "NPF" },
	}, vmx[] = {
		{ 0, "EXCEPTION_NMI" }, { 1, "EXTERNAL_INTERRUPT" },
		{ 10, "CPUID" }, { 12, "HLT" }, { 18, "VMCALL" },
		{ 28, "CR_ACCESS" }, { 30, "IO_INSTRUCTION" },
		{ 32, "MSR_WRITE" }, { 48, "EPT_VIOLATION" },
	};
	struct table *t = &self->table;
	size_t i;

	ASSERT_LT(0, read_text(self->fd, self->text));
	ASSERT_STREQ("whole", parse_table(self->text, t));
	for (i = 0; i < ARRAY_SIZE(svm); i++)
		EXPECT_STREQ(on_amd() ? svm[i].name : vmx[i].name,
			     row_of(t, on_amd() ? svm[i].reason :
						  vmx[i].reason)->name);
}

/* The header's exits_per_read is the number of exits that a read takes. */
TEST_F(file, exits_per_read_is_what_a_read_costs)
{
	struct table *t = &self->table;
	__u64 before, after;
	int i;

	for (i = 0; i < 20; i++) {
		before = live_exits(self->cpuid);
		ASSERT_STREQ("whole", read_table(t));
		after = live_exits(self->cpuid);

		ASSERT_EQ(before + t->exits_per_read + 1, after);
		ASSERT_EQ(1 + rows_used(t) * (t->columns > 2 ? 2 : 1),
			  t->exits_per_read);
	}
}

/* A read begins with the snapshot, which counts the exit that asks for it. */
TEST_F(file, file_and_leaves_agree_on_cpuid)
{
	struct table *t = &self->table;
	__u64 before;
	int i;

	for (i = 0; i < 20; i++) {
		before = live_exits(self->cpuid);
		ASSERT_STREQ("whole", read_table(t));
		ASSERT_EQ(before + 1, exits_of(t, self->cpuid));
	}
}

/* Other exits may occur: the count in the file is between two reads of the leaf. */
TEST_F(file, file_and_leaves_agree_on_every_reason)
{
	struct table *t = &self->table;
	__u64 before, after, exits;
	__u32 reason = 0;

	do {
		before = live_exits(reason);
		ASSERT_STREQ("whole", read_table(t));
		after = live_exits(reason);
		exits = exits_of(t, reason);
		ASSERT_TRUE(before <= exits && exits <= after)
			TH_LOG("reason %u: %llu <= %llu <= %llu", reason,
			       before, exits, after);
		reason = next_defined(reason);
	} while (reason);
}

/* Read the leaf with the program cpuid, which prints the raw registers. */
static __u64 exits_by_cpuid(__u32 reason)
{
	__u32 a = 0, b = 0, c, d;
	char command[64];
	FILE *pipe;
	int n;

	snprintf(command, sizeof(command), "cpuid -1 -l 0x4FFFFFFD -s %u", reason);
	pipe = popen(command, "r");
	n = fscanf(pipe, "CPU: 0x4ffffffd 0x%*x: eax=%x ebx=%x ecx=%x edx=%x",
		   &a, &b, &c, &d);
	pclose(pipe);
	return n == 4 ? pair(a, d) : ~0ULL;
}

TEST_F(file, cpuid_program_shows_the_same)
{
	struct table *t = &self->table, after;
	__u64 exits;
	int i, same = 0;

	if (access("/usr/bin/cpuid", X_OK))
		SKIP(return, "there is no cpuid program");

	ASSERT_STREQ("whole", read_table(t));
	for (i = 0; i < t->rows; i++) {
		if (!t->row[i].value[EXITS])
			continue;
		exits = exits_by_cpuid(t->row[i].reason);
		ASSERT_STREQ("whole", read_table(&after));
		if (after.row[i].value[EXITS] != t->row[i].value[EXITS])
			continue;
		EXPECT_EQ(t->row[i].value[EXITS], exits)
			TH_LOG("reason %u", t->row[i].reason);
		same++;
	}
	EXPECT_LT(0, same);
}

TEST_F(file, all_may_read_and_none_may_write)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(S_IFREG | 0444, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
}

TEST_F(file, root_cannot_write)
{
	int fd = open(FILE_NAME, O_WRONLY);

	if (fd >= 0) {
		EXPECT_EQ(-1, write(fd, "0", 1));
		EXPECT_EQ(EIO, errno);
	} else {
		EXPECT_EQ(EACCES, errno);
	}
}

TEST_F(file, nobody_reads)
{
	struct table *t = &self->table;

	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	EXPECT_STREQ("whole", read_table(t));
	EXPECT_EQ(-1, open(FILE_NAME, O_WRONLY));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, open(FILE_NAME, O_RDWR));
	EXPECT_EQ(EACCES, errno);
}

/* dd bs=1 reads like this. */
TEST_F(file, single_bytes_make_one_table)
{
	__u64 before = live_exits(self->cpuid);
	ssize_t ret, n = 0;

	do {
		ret = read(self->fd, self->text + n, 1);
		ASSERT_LE(0, ret);
		n += ret;
		ASSERT_GT(TEXT_BYTES, n);
	} while (ret);

	EXPECT_STREQ("whole", parse_table(self->text, &self->table));
	EXPECT_EQ(before + 1, exits_of(&self->table, self->cpuid));
	EXPECT_EQ(before + self->table.exits_per_read + 1,
		  live_exits(self->cpuid));
}

TEST_F(file, short_reads_make_one_table)
{
	ssize_t ret, n = 0;

	srand(1);
	do {
		ret = read(self->fd, self->text + n, 1 + rand() % 300);
		ASSERT_LE(0, ret);
		n += ret;
		ask(0, 0);
	} while (ret);

	EXPECT_STREQ("whole", parse_table(self->text, &self->table));
}

TEST_F(file, pread_anywhere_reads_the_same_table)
{
	ssize_t n, size, left;
	char part[512];
	off_t offset;
	int i;

	n = read_text(self->fd, self->text);
	ASSERT_LT(0, n);

	srand(2);
	for (i = 0; i < 300; i++) {
		offset = 1 + rand() % (n + 100);
		size = rand() % sizeof(part);
		left = offset < n ? n - offset : 0;
		if (size < left)
			left = size;

		ask(0, 0);
		ASSERT_EQ(left, pread(self->fd, part, size, offset));
		ASSERT_EQ(0, memcmp(part, self->text + offset, left));
	}
	EXPECT_STREQ("whole", parse_table(self->text, &self->table));
}

/* The first read takes the table, at any offset. */
TEST_F(file, parts_read_from_the_end_make_one_table)
{
	off_t offset = TEXT_BYTES / 2;
	ssize_t ret;

	while (offset > 1) {
		offset = offset > 500 ? offset - 499 : 1;
		ret = pread(self->fd, self->text + offset, 499, offset);
		ASSERT_LE(0, ret);
		ask(0, 0);
	}
	*self->text = '#';
	EXPECT_STREQ("whole", parse_table(self->text, &self->table));
}

TEST_F(file, reading_from_the_start_again_reads_anew)
{
	struct table *t = &self->table;
	__u64 before;
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
		before = live_exits(self->cpuid);
		ASSERT_LT(0, read_text(self->fd, self->text));
		ASSERT_STREQ("whole", parse_table(self->text, t));
		ASSERT_EQ(before + 1, exits_of(t, self->cpuid));
	}
}

TEST_F(file, seeking_back_stays_in_the_table)
{
	ssize_t n = read_text(self->fd, self->text);
	char *again = malloc(TEXT_BYTES);

	ASSERT_LT(100, n);
	ASSERT_EQ(50, lseek(self->fd, 50, SEEK_SET));
	ASSERT_EQ(n - 50, read_text(self->fd, again));
	EXPECT_EQ(0, memcmp(self->text + 50, again, n - 50));
	free(again);
}

static void run_readers(struct __test_metadata *_metadata,
			bool (*reads)(void *arg), void *arg)
{
	int i, status;

	for (i = 0; i < READERS; i++)
		if (!fork())
			_exit(!reads(arg));
	for (i = 0; i < READERS; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
}

static bool reads_itself(void *arg)
{
	struct table *t = arg;
	int i;

	pin(getpid() % cpus());
	for (i = 0; i < 10; i++)
		if (strcmp(read_table(t), "whole"))
			return false;
	return true;
}

TEST_F(file, many_readers_each_read_whole_tables)
{
	run_readers(_metadata, reads_itself, &self->table);
}

/* All processes share one open file.  Each read from its start takes a new table. */
static bool reads_together(void *arg)
{
	int fd = *(int *)arg, i;
	char text[TEXT_BYTES];
	struct table t;
	ssize_t n;

	pin(getpid() % cpus());
	for (i = 0; i < 10; i++) {
		n = pread(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			return false;
		text[n] = '\0';
		if (strcmp(parse_table(text, &t), "whole"))
			return false;
	}
	return true;
}

TEST_F(file, many_readers_of_one_open_file_read_whole_tables)
{
	run_readers(_metadata, reads_together, &self->fd);
}

/* Read for two seconds, while another process causes exits. */
TEST_F(file, counts_never_go_down)
{
	struct table *t = &self->table, last;
	time_t end = time(NULL) + 2;
	pid_t busy = fork();
	int i, column;

	if (!busy)
		for (;;)
			ask(0, 0);

	ASSERT_STREQ("whole", read_table(&last));
	do {
		ASSERT_STREQ("whole", read_table(t));
		for (column = EXITS; column <= MAX; column++) {
			EXPECT_LE(last.total.value[column],
				  t->total.value[column]);
			for (i = 0; i < t->rows; i++)
				EXPECT_LE(last.row[i].value[column],
					  t->row[i].value[column]);
		}
		EXPECT_LT(exits_of(&last, self->cpuid),
			  exits_of(t, self->cpuid));
		last = *t;
	} while (time(NULL) < end);

	kill(busy, SIGKILL);
	waitpid(busy, NULL, 0);
}

TEST_HARNESS_MAIN
