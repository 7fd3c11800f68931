// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpuid_off COMMAND...: run kvm-exits with CPUID turned off, as a debugger does it.
 *
 * execve() turns CPUID on again, and the C library uses CPUID at the start.  So wait
 * for the program's first ARCH_GET_CPUID, which asks whether CPUID is on.  Turn this
 * call into ARCH_SET_CPUID, which turns CPUID off.  The call returns 0, and for the
 * program this means that CPUID is off.
 */
#include <asm/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "common.h"

#define SYSCALL_STOP	(SIGTRAP | 0x80)

static bool turn_off(pid_t child)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, child, 0, &r) || r.orig_rax != SYS_arch_prctl ||
	    r.rdi != ARCH_GET_CPUID)
		return false;
	r.rdi = ARCH_SET_CPUID;
	r.rsi = 0;
	return !ptrace(PTRACE_SETREGS, child, 0, &r);
}

int main(int argc, char **argv)
{
	int status, signal = 0;
	bool off = false;
	pid_t child;

	if (argc < 2) {
		fprintf(stderr, "usage: cpuid_off COMMAND...\n");
		return 2;
	}
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child ||
	    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD)) {
		perror("cpuid_off");
		return 2;
	}
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, 0, signal) ||
		    waitpid(child, &status, 0) != child)
			return 2;
		if (!WIFSTOPPED(status))
			break;
		signal = WSTOPSIG(status);
		if (signal == SYSCALL_STOP)
			off = off || turn_off(child);
		if (signal == SYSCALL_STOP || signal == SIGTRAP)
			signal = 0;
	}
	if (!off)
		fprintf(stderr, "cpuid_off: the program did not ask\n");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
