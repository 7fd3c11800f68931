// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: unprivileged readers hold neither a CPU nor the module for longer
 * than a read takes.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "common.h"
#include "readers.h"
#include "harness.h"

#define OTHER_FILE	"/proc/kallsyms"
#define ROUNDS		8		/* one of them must be undisturbed */

FIXTURE(fairness)
{
	struct table table;
	char text[TEXT_BYTES];
	int fd;
};

FIXTURE_SETUP(fairness)
{
	self->fd = open(FILE_NAME, O_RDONLY);
	if (self->fd < 0)
		SKIP(return, "kvm_exits.ko is not loaded");
}

FIXTURE_TEARDOWN(fairness)
{
	close(self->fd);
}

static __u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

/* How long a read takes on an idle machine. */
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
 * Start unprivileged processes, which read a file until it is gone.  Every second
 * one reads through the same struct file.
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

	/* Wait until all have begun. */
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

	/* Kill all before waiting: a dying process needs the CPU of those alive. */
	for (i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	while (n--)
		waitpid(pid[n], NULL, 0);
}

/* The longest time for which @n readers keep a computing process from its CPU. */
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
 * A read of any file in /proc runs to its end.  The scheduler must not treat readers
 * of this file worse than those of another file.
 */
TEST_F_TIMEOUT(fairness, readers_hold_a_cpu_no_longer_than_a_read, seconds(110))
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

/* How long the module's removal takes while processes read @file. */
static __u64 removal_us(int module, const char *file, int *failed)
{
	pid_t pid[READERS];
	__u64 start, took;

	if (!start_users(pid, READERS, file))
		return -1;
	/* One reader holds the file open and does nothing. */
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

/* A read that has begun runs to its end.  The next read fails with EIO. */
TEST_F_TIMEOUT(fairness, readers_hold_the_module_no_longer_than_a_read, seconds(110))
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

TEST_HARNESS_MAIN
