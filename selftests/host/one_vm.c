// SPDX-License-Identifier: GPL-2.0-only
/*
 * one_vm [move|plug] TIMES: in the hypervisor, a VM whose guest executes CPUID TIMES
 * times, in a hundred parts.  The process stops itself before the first and behind the
 * last of them, until SIGCONT.
 *
 * move: each part runs on another CPU.  plug: the second half runs on another vCPU,
 * which is added when the first half is over.
 */
#include <sched.h>

#include "vm.h"

#define PARTS	100

static struct vm vm;
static cpu_set_t allowed;
static bool moves;
static int times;

/* Go to the next of the CPUs that this process may use. */
static void move(void)
{
	static int cpu = -1;

	do
		cpu = (cpu + 1) % CPU_SETSIZE;
	while (!CPU_ISSET(cpu, &allowed));
	pin(cpu);
}

static bool run(struct vcpu *vcpu, int parts)
{
	while (parts--) {
		if (moves)
			move();
		if (!vcpu_run(vcpu, vm_cpuid, times / PARTS, 0, 0, NULL))
			return false;
	}
	return true;
}

static void *second_half(void *unused)
{
	struct vcpu vcpu;

	return vcpu_create(&vm, &vcpu) && run(&vcpu, PARTS / 2) ? &vm : NULL;
}

static bool plug(struct vcpu *vcpu)
{
	pthread_t thread;
	void *done;

	return run(vcpu, PARTS / 2) &&
	       !pthread_create(&thread, NULL, second_half, NULL) &&
	       !pthread_join(thread, &done) && done;
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";
	struct vcpu vcpu;

	if (argc < 2) {
		fputs("usage: one_vm [move|plug] TIMES\n", stderr);
		return 2;
	}
	times = atoi(argv[argc - 1]);
	moves = !strcmp(how, "move");
	if (sched_getaffinity(0, sizeof(allowed), &allowed) || !vm_create(&vm) ||
	    !vcpu_create(&vm, &vcpu)) {
		perror("one_vm: cannot create a VM");
		return 1;
	}
	raise(SIGSTOP);
	if (!(strcmp(how, "plug") ? run(&vcpu, PARTS) : plug(&vcpu))) {
		perror("one_vm: the guest did not run");
		return 1;
	}
	raise(SIGSTOP);
	return 0;
}
