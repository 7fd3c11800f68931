# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the scenarios' scripts have in common.  A script that fails makes its
# level fail, and with it the scenario.
set -eu

# The kernel's own: ktap_print_header, ktap_set_plan, ktap_finished...
. /lib/ktap_helpers.sh

# check DESCRIPTION COMMAND...: one test of a script, passed if the command is.
check() {
	description=$1
	shift
	if "$@"; then
		ktap_test_pass "$description"
	else
		ktap_test_fail "$description"
	fi
}

# kselftest PROGRAM [ARGUMENT...]: run one test program.  The header tells whose
# TAP follows.
kselftest() {
	echo "# selftests: ${1##*/}"
	status=0
	seconds=$(sed -n 's/^timeout=//p' /lib/settings)
	timeout $((seconds * ${slowness:?})) "$@" || status=$?
	case $status in
	0 | 4) ;;
	*) echo "Bail out! ${1##*/} ended with status $status" ;;
	esac
}

# Data races of stock KVM, and of the histogram of its tracepoint: KCSAN is not to
# report those in which one side is in these functions.  All but the last are
# who kicks a vCPU and looks at vcpu->mode, which the vCPU writes as it likes.
ignore_races() {
	[ -e /sys/kernel/debug/kcsan ] || return 0
	for function in kvm_arch_vcpu_should_kick svm_complete_interrupt_delivery \
			event_hist_trigger; do
		echo "!$function" >/sys/kernel/debug/kcsan || :
	done
}

# In the host: load_kvm stock|patched [PARAMETER=VALUE...]
load_kvm() {
	modules=/modules/$1
	shift
	vendor=intel
	! grep -qw svm /proc/cpuinfo || vendor=amd
	insmod /modules/stock/irqbypass.ko
	# Of flavour amd64, whose kvm-amd knows SEV.
	[ ! -e /modules/stock/ccp.ko ] || [ -e /sys/module/ccp ] ||
		insmod /modules/stock/ccp.ko
	insmod "$modules/kvm.ko" "$@"
	insmod "$modules/kvm-$vendor.ko"
	ignore_races
	echo "lab: ${level:?}: loaded ${modules##*/} kvm.ko and kvm-$vendor.ko" "$@"
}

# In the host: vm NAME [OPTION...] is QEMU with one guest in it, its console on
# stdout.  Options of QEMU come after the defaults here and prevail; $machine
# may be another than microvm.  $append goes to the guest's kernel: what that
# does not know is a variable in the guest's script.  With console_irq=0 the
# guest polls its console, which is I/O that some tests would count.
vm() {
	name=$1
	shift
	# With these the guest's kernel would make hypercalls, which the tests
	# count.
	cpu=host,-kvm-pv-ipi,-kvm-pv-unhalt,-kvm-pv-sched-yield
	# QEMU's emulation of SVM lets XSETBV pass: KVM answers CPUID for the
	# wrong XCR0, and the guest's kernel warns of it.  Without XSAVE there is
	# no AVX, which Linux 7.3 looks for by itself.
	#
	# And it delivers an interrupt that KVM has injected once more, whatever
	# the guest's IF says, if it has to leave its loop before the guest's
	# next exit.  So the guest's EOI is to be an exit, which it is for timers
	# and IPIs before they take a lock.  For the console it is not, and with
	# icount QEMU leaves its loop often.
	! grep -qw svm /proc/cpuinfo || cpu=$cpu,-xsave,-avx,-kvm-pv-eoi
	rm -f "/run/$name.in" "/run/$name.out" "/run/$name.ready"
	mkfifo "/run/$name.in" "/run/$name.out"
	qemu-system-x86_64 -M "${machine:-microvm,pit=off,pic=off,rtc=on}" -accel kvm -cpu $cpu \
		-smp "$(nproc)" -m 256M -kernel /guest/vmlinuz \
		-initrd /guest/initrd -append "$(cat /guest/cmdline) ${append:-}" \
		-display none -nodefaults -no-reboot \
		-chardev stdio,signal=off,id=console -device "isa-serial,irq=${console_irq:-4},chardev=console" \
		-chardev "pipe,id=qmp,path=/run/$name" -mon qmp,mode=control \
		"$@"
}

# In the host: await FILE PATTERN: until a console says so.
await() {
	until grep -qs "$2" "$1"; do
		sleep 0.2
	done
}

# In the host: boot one guest on this console, and fail unless it succeeds.
guest() {
	echo "lab: host: booting the guest"
	vm guest "$@" | tee /run/guest.console
	grep -q '^lab: guest: done' /run/guest.console
}

# In the host: monitor NAME COMMAND..., in the words of QEMU's human monitor;
# prints the answer.
monitor() {
	name=$1
	shift
	# Open beforehand: after "quit" there would be nobody at the other end.
	{
		if [ ! -e "/run/$name.ready" ]; then
			echo '{"execute": "qmp_capabilities"}' >"/run/$name.in"
			: >"/run/$name.ready"
			qmp_answer >/dev/null
		fi
		echo '{"execute": "human-monitor-command",' \
			"\"arguments\": {\"command-line\": \"$*\"}}" >"/run/$name.in"
		qmp_answer
	} <"/run/$name.out"
}

# One line each: {"return": ...}, {"error": ...}, and events, left out.
qmp_answer() {
	while read -r answer; do
		case $answer in
		'{"return": {}}'*)
			return 0
			;;
		'{"return": "'*)
			answer=${answer#*: \"}
			printf '%b' "${answer%\"\}*}" | tr -d '\r'
			[ "${answer#Error}" = "$answer" ]
			return
			;;
		'{"error"'*)
			echo "$answer" >&2
			return 1
			;;
		esac
	done
}
