// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a command beside the counting, and waiting for intervals to end.
 *
 * Whatever makes the program end, it first waits for the end of the command.  The only
 * exception is SIGKILL.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

/*
 * Signals that the program passes on to the command.  If they come from the terminal,
 * the command gets them anyway.
 */
static const int passed_on[] = {
	SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2,
};

static struct {
	pid_t pid;		/* 0 without a command or once it has ended */
	int status;		/* as shells report it; of the last run that failed */
	volatile bool ended;	/* by the command's end or, without one, a signal */
	bool prepared;
	sigset_t awaited;
	sigset_t old_mask;
	struct sigaction old_child;
	struct sigaction old_pipe;
} run;

/* The status of a child, as shells report it. */
static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void reap(void)
{
	int status;

	if (run.pid && waitpid(run.pid, &status, WNOHANG) == run.pid) {
		run.status = exit_status(status) ?: run.status;
		run.pid = 0;
		run.ended = true;
	}
}

static void take_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (signal == SIGCHLD)
		return;
	if (!run.pid)
		run.ended = true;
	else if (info->si_code <= 0)	/* from a process, not the terminal */
		kill(run.pid, signal);
}

/**
 * run_allow() - let signals interrupt a system call that may block, or not
 * @allow: whether they may
 *
 * The signals of a run are blocked, and run_wait() takes them.  A read of a FIFO
 * can block for ever.
 */
void run_allow(bool allow)
{
	sigset_t set = run.awaited;

	if (!run.prepared)
		return;
	sigdelset(&set, SIGCHLD);
	sigprocmask(allow ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/* The signal handler of a view without a run calls this, so that reads end. */
void run_end(void)
{
	run.ended = true;
}

/* Whether run_wait() would return at once. */
bool run_ended(void)
{
	reap();
	return run.ended;
}

/**
 * run_wait() - wait for the end of an interval or of the whole run
 * @until: the end of the interval by now_ns(), or UNKNOWN
 *
 * Return: true if the command has ended or, without one, a signal came.
 */
bool run_wait(u64 until)
{
	struct timespec ts;
	siginfo_t info;
	u64 now;

	for (;;) {
		reap();
		now = now_ns();
		if (run.ended || now >= until)
			return run.ended;
		ts.tv_sec = (until - now) / NSEC;
		ts.tv_nsec = (until - now) % NSEC;
		if (sigtimedwait(&run.awaited, &info,
				 until == UNKNOWN ? NULL : &ts) > 0)
			take_signal(info.si_signo, &info, NULL);
	}
}

/* If the program itself fails, the status is the command's unless that is 0. */
static void wait_at_exit(int status, void *unused)
{
	(void)unused;
	if (run.pid)
		run_wait(UNKNOWN);
	if (status == failed && run.status)
		_exit(run.status);
}

/*
 * Signals that were ignored stay ignored: nohup(1) relies on it.  With a
 * command SIGPIPE must not end the program before the command.
 */
static void prepare(bool command)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction standard = { .sa_handler = SIG_DFL };
	struct sigaction take = {
		.sa_sigaction = take_signal,
		.sa_flags = SA_SIGINFO,
	};
	struct sigaction old;
	unsigned int i;

	sigemptyset(&run.awaited);
	sigaddset(&run.awaited, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(passed_on); i++)
		if (!sigaction(passed_on[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(&run.awaited, passed_on[i]);
	sigprocmask(SIG_BLOCK, &run.awaited, &run.old_mask);
	for (i = 0; i < ARRAY_SIZE(passed_on); i++)
		if (sigismember(&run.awaited, passed_on[i]))
			sigaction(passed_on[i], &take, NULL);
	sigaction(SIGCHLD, &standard, &run.old_child);
	if (command)
		sigaction(SIGPIPE, &ignore, &run.old_pipe);
	on_exit(wait_at_exit, NULL);
	run.prepared = true;
}

/* In the child.  The command gets the signals as they were at the start. */
static void execute(char **command, const int go[2], int result)
{
	unsigned int i;
	char c;

	for (i = 0; i < ARRAY_SIZE(passed_on); i++)
		if (sigismember(&run.awaited, passed_on[i]))
			signal(passed_on[i], SIG_DFL);
	/* Otherwise the read() below does not return when the program ends. */
	close(go[1]);
	sigaction(SIGCHLD, &run.old_child, NULL);
	sigaction(SIGPIPE, &run.old_pipe, NULL);
	sigprocmask(SIG_SETMASK, &run.old_mask, NULL);
	if (read(go[0], &c, 1) == 1) {
		execvp(command[0], command);
		if (write(result, &errno, sizeof(errno)) < 0)
			_exit(FAILED_BESIDE);
	}
	_exit(FAILED_BESIDE);
}

/**
 * run_start() - start a run
 * @command: the command, or NULL to wait for a signal
 * @ready: called with the command's process before the command begins, or NULL
 */
void run_start(char **command, void (*ready)(pid_t pid))
{
	int go[2], result[2], error = 0;

	if (!run.prepared)
		prepare(command);
	run.ended = false;
	if (!command)
		return;

	if (pipe2(go, O_CLOEXEC) || pipe2(result, O_CLOEXEC))
		err(failed, "cannot make a pipe");
	run.pid = fork();
	if (run.pid < 0) {
		run.pid = 0;
		err(failed, "cannot fork");
	}
	if (!run.pid)
		execute(command, go, result[1]);
	close(go[0]);
	close(result[1]);
	if (ready)
		ready(run.pid);
	if (write(go[1], "", 1) != 1)
		error = errno;
	close(go[1]);
	/* Successful execution closes the pipe, and read() returns 0. */
	if (!error && read(result[0], &error, sizeof(error)) < 0)
		error = errno;
	close(result[0]);
	if (!error)
		return;
	waitpid(run.pid, NULL, 0);
	run.pid = 0;
	errno = error;
	err(error == ENOENT ? 127 : 126, "%s", command[0]);
}

/* Called from run_start()'s @ready, if the command must not begin. */
void run_abandon(void)
{
	kill(run.pid, SIGKILL);
	waitpid(run.pid, NULL, 0);
	run.pid = 0;
}

/* The command's status; of several runs, the last one that is not 0. */
int run_status(void)
{
	return run.status;
}
