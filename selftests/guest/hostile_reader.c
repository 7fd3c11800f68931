// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: readers use the file in every possible way, also while CPUs are
 * unplugged and while the guest is suspended.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <termios.h>

#include "common.h"
#include "readers.h"
#include "harness.h"

#define OFFLINES	20

FIXTURE(hostile_reader)
{
	struct table table;
	char text[TEXT_BYTES];
	int fd;
};

FIXTURE_SETUP(hostile_reader)
{
	self->fd = open(FILE_NAME, O_RDONLY);
	if (self->fd < 0)
		SKIP(return, "kvm_exits.ko is not loaded");
}

FIXTURE_TEARDOWN(hostile_reader)
{
	close(self->fd);
}

TEST_F_TIMEOUT(hostile_reader, readers_get_pieces_of_one_table, seconds(300))
{
	int i;

	for (i = 0; i < READERS; i++)
		ASSERT_LT(0, start_reader(self->text, &self->table, READS));
	EXPECT_EQ(0, failed_children(READERS));
}

/* seq_file prints a table only once, so splice() must not make it print again. */
TEST_F(hostile_reader, splice_and_sendfile_give_a_whole_table)
{
	int pipes[2], i;
	ssize_t n;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe(pipes));
		ASSERT_LE(TEXT_BYTES, fcntl(pipes[1], F_SETPIPE_SZ, TEXT_BYTES));
		ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
		do {
			n = i ? sendfile(pipes[1], self->fd, NULL, 4096) :
				splice(self->fd, NULL, pipes[1], NULL, 4096, 0);
		} while (n > 0);
		ASSERT_EQ(0, n);
		close(pipes[1]);
		ASSERT_LT(0, read_text(pipes[0], self->text));
		close(pipes[0]);
		EXPECT_STREQ("whole", parse_table(self->text, &self->table));
	}
}

TEST_F(hostile_reader, only_reading_is_allowed)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	char byte;
	int fd;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(-1, ioctl(self->fd, TCGETS, &byte));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN, p.revents & ~POLLRDNORM);
	EXPECT_EQ(-1, write(self->fd, "0", 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, -1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, syscall(SYS_read, self->fd, 16, 4096));
	EXPECT_EQ(EFAULT, errno);

	/* Root may open the file for writing, but a write fails. */
	fd = open(FILE_NAME, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "0", 1));
	EXPECT_EQ(EIO, errno);
	close(fd);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LT(0, read_text(self->fd, self->text));
}

TEST_F_TIMEOUT(hostile_reader, cpus_go_and_come_under_readers, seconds(110))
{
	int i;

	if (cpus() < 2)
		SKIP(return, "there is one CPU");
	for (i = 0; i < 8; i++)
		ASSERT_LT(0, start_reader(self->text, &self->table, READS));
	for (i = 0; i < OFFLINES; i++) {
		EXPECT_TRUE(set_online(1, "0"));
		EXPECT_TRUE(set_online(1, "1"));
	}
	EXPECT_EQ(0, failed_children(8));
}

/* The VMM wakes the guest up again. */
TEST_F_TIMEOUT(hostile_reader, tables_are_whole_across_suspend_to_ram, seconds(110))
{
	struct table *t = &self->table;
	__u64 exits;
	__u32 generation;
	ssize_t half;
	int i;

	if (why_no_suspend())
		SKIP(return, "%s", why_no_suspend());
	ASSERT_STREQ("whole", read_table(t));
	exits = t->total.value[EXITS];
	generation = t->generation;
	for (i = 0; i < 8; i++)
		ASSERT_LT(0, start_reader(self->text, t, READS));

	half = read(self->fd, self->text, 5000);
	ASSERT_EQ(5000, half);
	ASSERT_TRUE(write_to("/sys/power/state", "mem"));
	ASSERT_LT(0, read_text(self->fd, self->text + half));
	EXPECT_STREQ("whole", parse_table(self->text, t));
	EXPECT_LE(exits, t->total.value[EXITS]);

	EXPECT_EQ(0, failed_children(8));
	ASSERT_STREQ("whole", read_table(t));
	EXPECT_LT(exits, t->total.value[EXITS]);
	EXPECT_EQ(generation, t->generation);
}

TEST_HARNESS_MAIN
