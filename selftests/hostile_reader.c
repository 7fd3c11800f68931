// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: readers that do all that can be done to the file, while the
 * module comes and goes, memory is short, and CPUs are taken away.
 */
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

#include "cgroup.h"
#include "fault.h"
#include "histogram.h"
#include "kselftest_harness.h"

#define MODULE		"/modules/kvm_exits.ko"
#define READERS		64
#define READS		4		/* tables of each reader */
#define PREADS		50		/* of each table */
#define READER_PAGES	16		/* more than a reader takes */
#define OFFLINES	20
#define OTHER_FILE	"/proc/kallsyms"
#define ROUNDS		8		/* one without disturbance is enough */

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

/* A table, and then pieces of it, in any order: all are of that table. */
static bool read_pieces(int fd, char *text, struct table *t)
{
	static char piece[TEXT_BYTES], whole[TEXT_BYTES];
	ssize_t n, got, all;
	off_t from;
	int i;

	all = pread(fd, whole, sizeof(whole) - 1, 0);
	if (all <= 0)
		return false;

	for (i = 0; i < PREADS; i++) {
		from = 1 + rand() % (all + 100);
		n = rand() % sizeof(piece);
		got = pread(fd, piece, n, from);
		if (got != (from >= all ? 0 : n < all - from ? n : all - from) ||
		    memcmp(piece, whole + from, got))
			return false;
	}

	memcpy(text, whole, all);
	text[all] = '\0';
	return !strcmp(parse_table(text, t), "whole");
}

static pid_t start_reader(char *text, struct table *t, int reads)
{
	pid_t child = fork();
	int i, fd;

	if (child)
		return child;
	srand(getpid());
	for (i = 0; i < reads; i++) {
		fd = open(FILE_NAME, O_RDONLY);
		if (fd < 0 || !read_pieces(fd, text, t))
			_exit(1);
		close(fd);
	}
	_exit(0);
}

TEST_F_TIMEOUT(hostile_reader, readers_get_pieces_of_one_table, 110)
{
	int i;

	for (i = 0; i < READERS; i++)
		ASSERT_LT(0, start_reader(self->text, &self->table, READS));
	EXPECT_EQ(0, failed_children(READERS));
}

/* seq_file shows a table only once, so splice() must not ask for it twice. */
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

TEST_F(hostile_reader, what_is_no_reading_is_refused)
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

	/* Even of root, who may open it. */
	fd = open(FILE_NAME, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "0", 1));
	EXPECT_EQ(EIO, errno);
	close(fd);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LT(0, read_text(self->fd, self->text));
}

/* Reading ends when the module goes; what was read is whole or an error. */
TEST_F_TIMEOUT(hostile_reader, the_module_comes_and_goes_under_readers, 1400)
{
	/* A thousand where there is time for it. */
	int loads = atoi(getenv("loads") ?: "25");
	int i, module, fd, status;
	pid_t reader[4];
	ssize_t n;
	int *whole = mmap(NULL, sizeof(reader), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, whole);
	close(self->fd);
	self->fd = -1;
	for (i = 0; i < 4; i++) {
		reader[i] = fork();
		if (reader[i])
			continue;
		for (;;) {
			fd = open(FILE_NAME, O_RDONLY);
			if (fd < 0 && errno == ENOENT)
				continue;
			n = read_text(fd, self->text);
			if (n < 0 ? errno != EIO :
			    strcmp(parse_table(self->text, &self->table), "whole"))
				_exit(1);
			whole[i] += n > 0;
			close(fd);
		}
	}

	module = open(MODULE, O_RDONLY);
	ASSERT_LE(0, module);
	for (i = 0; i < loads; i++) {
		ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", 0))
			TH_LOG("%d: %s", i, strerror(errno));
		ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0))
			TH_LOG("%d: %s", i, strerror(errno));
	}
	close(module);

	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, waitpid(reader[i], &status, WNOHANG));
		kill(reader[i], SIGKILL);
		waitpid(reader[i], &status, 0);
		EXPECT_LT(0, whole[i]);
	}
	ASSERT_STREQ("whole", read_table(&self->table));
}

/* Allocations are refused in their turn: there is a whole table, or none. */
TEST_F_TIMEOUT(hostile_reader, without_memory_there_is_no_half_a_table, 110)
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

static __u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

/* How long a read takes, when nothing else does. */
static __u64 read_us(char *text)
{
	int i, fd = open(FILE_NAME, O_RDONLY);
	__u64 start, took, least = -1;

	for (i = 0; i < PREADS; i++) {
		start = now_us();
		if (pread(fd, text, TEXT_BYTES, 0) <= 0)
			return -1;
		took = now_us() - start;
		if (took < least)
			least = took;
	}
	close(fd);
	return least;
}

/*
 * Users without any rights, who read a file all the time until there is nothing
 * to read any more, every other one of them by the same struct file.
 */
static bool start_users(pid_t *pid, int n, const char *file)
{
	static char text[TEXT_BYTES];
	int i, pipes[2], shared, fd;
	char byte;

	shared = open(file, O_RDONLY);
	if (shared < 0 || pipe(pipes))
		return false;
	for (i = 0; i < n; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			return false;
		if (pid[i])
			continue;
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(1);
		fd = i & 1 ? shared : open(file, O_RDONLY);
		if (pread(fd, text, sizeof(text), 0) <= 0 ||
		    write(pipes[1], "", 1) != 1)
			_exit(1);
		while (pread(fd, text, sizeof(text), 0) > 0)
			;
		_exit(errno == EIO ? 0 : 1);
	}

	/* Until all have begun. */
	close(shared);
	close(pipes[1]);
	while (i && read(pipes[0], &byte, 1) == 1)
		i--;
	close(pipes[0]);
	return !i;
}

static void kill_users(pid_t *pid, int n)
{
	int i;

	/* All first: one that lives takes the CPU from one that dies. */
	for (i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	while (n--)
		waitpid(pid[n], NULL, 0);
}

/* The longest that such users keep a process waiting that computes, too. */
static __u64 wait_us(int n, const char *file)
{
	__u64 last, now, end, longest = 0;
	pid_t pid[READERS];

	if (!start_users(pid, n, file))
		return -1;
	last = now_us();
	end = last + 100000 + n * 25000;
	while (last < end) {
		now = now_us();
		if (now - last > longest)
			longest = now - last;
		last = now;
	}
	kill_users(pid, n);
	return longest;
}

/*
 * Who reads any file in /proc goes on to the end of that read; the scheduler
 * does what it likes with that, but it does the same with these readers.
 */
TEST_F_TIMEOUT(hostile_reader, readers_hold_a_cpu_no_longer_than_a_read, 110)
{
	__u64 one, others, readers;
	int n, i;

	ASSERT_EQ(0, pin(0));
	for (n = 1; n <= READERS; n *= READERS) {
		for (i = 0; i < ROUNDS; i++) {
			one = read_us(self->text);
			others = wait_us(n, OTHER_FILE);
			readers = wait_us(n, FILE_NAME);
			ASSERT_NE(-1, one);
			ASSERT_NE(-1, others);
			ASSERT_NE(-1, readers);
			TH_LOG("a read: %llu us, wait beside %d readers: %llu us, others: %llu us",
			       one, n, readers, others);
			if (readers <= 2 * others + n * one)
				break;
		}
		EXPECT_GT(ROUNDS, i);
	}
}

/* How long the module's removal takes, beside those who read this file. */
static __u64 removal_us(int module, const char *file, int *failed)
{
	pid_t pid[READERS];
	__u64 start, took;

	if (!start_users(pid, READERS, file))
		return -1;
	/* One does nothing, with the file open. */
	kill(pid[0], SIGSTOP);
	start = now_us();
	if (syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK))
		return -1;
	took = now_us() - start;
	kill(pid[0], SIGCONT);
	if (failed)
		*failed += failed_children(READERS);
	else
		kill_users(pid, READERS);
	return syscall(SYS_finit_module, module, "", 0) ? -1 : took;
}

/* Of what they have begun, that is: then they are told that it is gone. */
TEST_F_TIMEOUT(hostile_reader, readers_hold_the_module_no_longer_than_a_read, 110)
{
	int i, failed = 0, module = open(MODULE, O_RDONLY);
	__u64 one, others, readers;

	ASSERT_LE(0, module);
	for (i = 0; i < ROUNDS; i++) {
		one = read_us(self->text);
		others = removal_us(module, OTHER_FILE, NULL);
		readers = removal_us(module, FILE_NAME, &failed);
		TH_LOG("a read: %llu us, removal beside %d readers: %llu us, others: %llu us",
		       one, READERS, readers, others);
		ASSERT_NE(-1, one);
		ASSERT_NE(-1, others);
		ASSERT_NE(-1, readers);
		EXPECT_EQ(0, failed);
		if (readers <= others + READERS * one)
			break;
	}
	EXPECT_GT(ROUNDS, i);
	close(module);
}

/* "whole", or what is wrong with what was read of either file. */
static const char *parse_either(const char *name, char *text, struct table *t)
{
	static struct histogram h;

	if (strcmp(name, HISTOGRAM_NAME))
		return parse_table(text, t);
	return parse_histogram(text, &h, t);
}

/* One refusal at a time, of each: in no place does it do harm. */
TEST_F_TIMEOUT(hostile_reader, any_allocation_may_be_refused, 110)
{
	static const char * const names[] = { FILE_NAME, HISTOGRAM_NAME };
	static struct table table;
	static char text[TEXT_BYTES];
	int i, nth, err, refused, faults = faults_open();
	bool fault;
	ssize_t n;

	if (faults < 0)
		SKIP(return, "the kernel has no fault injection");

	/* The header, which the histogram's is compared with. */
	ASSERT_STREQ("whole", read_table(&table));
	for (i = 0; i < 2; i++) {
		nth = 0;
		refused = 0;
		do {
			ASSERT_TRUE(fault_start(faults, ++nth));
			n = read_file(names[i], text);
			err = errno;
			fault = fault_end(faults);
			if (n >= 0) {
				ASSERT_STREQ("whole", parse_either(names[i], text,
								   &table));
			} else {
				ASSERT_TRUE(fault);
				ASSERT_EQ(ENOMEM, err);
				refused++;
			}
		} while (fault);
		TH_LOG("%s: %d of %d allocations refuse a reader", names[i],
		       refused, nth - 1);
		EXPECT_LT(0, refused);
	}
}

/* Neither file is there then, and nothing that the next one would trip over. */
TEST_F_TIMEOUT(hostile_reader, a_module_without_memory_is_refused, 400)
{
	int nth = 0, ret, err, refused = 0;
	int module = open(MODULE, O_RDONLY), faults = faults_open();
	bool fault;

	ASSERT_LE(0, module);
	if (faults < 0)
		SKIP(return, "the kernel has no fault injection");

	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK));
	do {
		ASSERT_TRUE(fault_start(faults, ++nth));
		ret = syscall(SYS_finit_module, module, "", 0);
		err = errno;
		fault = fault_end(faults);
		if (!ret) {
			ASSERT_STREQ("whole", read_table(&self->table));
			ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK));
			continue;
		}
		ASSERT_TRUE(fault);
		ASSERT_EQ(ENOMEM, err);
		refused++;
		ASSERT_EQ(-1, access(FILE_NAME, F_OK));
		ASSERT_EQ(-1, access(HISTOGRAM_NAME, F_OK));
	} while (fault);
	TH_LOG("%d of %d allocations refuse the module", refused, nth - 1);
	EXPECT_LT(0, refused);
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
	close(module);
}

/* An open file, read by half, does not keep the module from going. */
TEST_F(hostile_reader, nobody_holds_the_module_by_an_open_file)
{
	int module = open(MODULE, O_RDONLY);

	ASSERT_LE(0, module);
	ASSERT_EQ(1000, read(self->fd, self->text, 1000));
	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, self->text, 1000));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, access(FILE_NAME, F_OK));

	/* Nor is it a way into the module that comes next. */
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
	EXPECT_EQ(-1, pread(self->fd, self->text, 1000, 0));
	EXPECT_EQ(EIO, errno);
	close(module);
}

static bool set_online(int cpu, const char *on)
{
	char name[64];

	snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return write_to(name, on);
}

TEST_F_TIMEOUT(hostile_reader, cpus_go_and_come_under_readers, 110)
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
TEST_F_TIMEOUT(hostile_reader, tables_are_whole_across_suspend_to_ram, 110)
{
	struct table *t = &self->table;
	__u64 exits;
	__u32 generation;
	ssize_t half;
	int i;

	if (!write_to("/sys/power/mem_sleep", "deep"))
		SKIP(return, "the machine has no suspend to RAM");
	if (!access("/sys/kernel/debug/kcsan", F_OK))
		SKIP(return, "a kernel with KCSAN resets when it resumes");
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
