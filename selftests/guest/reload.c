// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: the module is unloaded and loaded while its files are read.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common.h"
#include "readers.h"
#include "harness.h"
#include "samples.h"

#define SAMPLED_LOADS	10

FIXTURE(reload)
{
	struct table table;
	char text[TEXT_BYTES];
	int fd;
};

FIXTURE_SETUP(reload)
{
	self->fd = open(FILE_NAME, O_RDONLY);
	if (self->fd < 0)
		SKIP(return, "kvm_exits.ko is not loaded");
}

FIXTURE_TEARDOWN(reload)
{
	close(self->fd);
}

/* While the module is unloaded, a read gives a whole table or an error. */
TEST_F_TIMEOUT(reload, the_module_comes_and_goes_under_readers, seconds(1400))
{
	/* The lab sets the variable "loads": a long test has a thousand. */
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

/* A file that is open and half read does not keep the module loaded. */
TEST_F(reload, an_open_file_does_not_hold_the_module)
{
	int module = open(MODULE, O_RDONLY);

	ASSERT_LE(0, module);
	ASSERT_EQ(1000, read(self->fd, self->text, 1000));
	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, self->text, 1000));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, access(FILE_NAME, F_OK));

	/* The file does not belong to the module that is loaded next, either. */
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
	EXPECT_EQ(-1, pread(self->fd, self->text, 1000, 0));
	EXPECT_EQ(EIO, errno);
	close(module);
}

/*
 * Samples arrive on all CPUs while the module is unloaded.  A sample that nobody
 * expects any more is an unknown NMI, at which the lab's guest panics.
 */
TEST_F_TIMEOUT(reload, unloading_ends_the_samples, seconds(110))
{
	int i, n = cpus(), module = open(MODULE, O_RDONLY);
	pid_t child[64];

	ASSERT_LE(0, module);
	ASSERT_GE(ARRAY_SIZE(child), n);
	start_asking(child, n);
	for (i = 0; i < SAMPLED_LOADS; i++) {
		ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", 0));
		ASSERT_EQ(0, syscall(SYS_finit_module, module,
				     "sample_reasons=cpuid sample_period=10", 0));
		ASSERT_TRUE(write_to(SAMPLE_EVENT, "1"));
		usleep(seconds(100000));
		ASSERT_LT(0, read_file(TRACING "trace", self->text));
		EXPECT_NE(NULL, strstr(self->text, "vm_exit: CPUID "));
	}
	stop_asking(child, n);
	EXPECT_EQ(n, failed_children(n));

	/* The next test gets the module without its parameters. */
	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", 0));
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
	close(module);
}

/* Even if perf permits all events to all users, the module's are hidden. */
TEST_F(reload, hidden_files_have_hidden_events)
{
	struct perf_event_attr attr = { .config = 0xff };
	int event, err, as_root, module = open(MODULE, O_RDONLY);
	char paranoid[TEXT_BYTES];

	ASSERT_LE(0, module);
	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", 0));
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "mode=0440", 0));
	ASSERT_LT(0, read_file(PARANOID, paranoid));
	ASSERT_TRUE(write_to(PARANOID, "-1"));
	ASSERT_EQ(0, seteuid(NOBODY));
	event = open_samples(&attr, 0, -1);
	err = errno;
	ASSERT_EQ(0, seteuid(0));
	as_root = open_samples(&attr, 0, -1);
	EXPECT_EQ(-1, event);
	EXPECT_EQ(EACCES, err);
	EXPECT_LE(0, as_root);
	close(as_root);
	ASSERT_TRUE(write_to(PARANOID, paranoid));

	ASSERT_EQ(0, syscall(SYS_delete_module, "kvm_exits", 0));
	ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
	close(module);
}

TEST_HARNESS_MAIN
