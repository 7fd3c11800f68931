# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Functions that the scenarios' scripts share.  If a script fails, its level fails,
# and so does the scenario.
set -eu

# The kernel's own: ktap_print_header, ktap_set_plan, ktap_finished...
. /lib/ktap_helpers.sh

# check DESCRIPTION COMMAND...: one test, which passes if the command succeeds.
check() {
	description=$1
	shift
	if "$@"; then
		ktap_test_pass "$description"
	else
		ktap_test_fail "$description"
	fi
}

# kselftest PROGRAM [ARGUMENT...]: run one test program.  The line before its TAP
# names it.
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

# Stop KCSAN from reporting data races of stock code, in which one side is in these
# functions.  The first two read vcpu->mode while the vCPU writes it.  The last one
# belongs to the histogram of KVM's tracepoint.
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
	# kvm-amd of flavour amd64 needs ccp, for SEV.
	[ ! -e /modules/stock/ccp.ko ] || [ -e /sys/module/ccp ] ||
		insmod /modules/stock/ccp.ko
	insmod "$modules/kvm.ko" "$@"
	insmod "$modules/kvm-$vendor.ko"
	ignore_races
	echo "lab: ${level:?}: loaded ${modules##*/} kvm.ko and kvm-$vendor.ko" "$@"
}

# In the host: vm NAME [OPTION...]: run QEMU with one guest, whose console is on
# stdout.  The options override the defaults here.  $machine replaces microvm.
# $append goes to the command line of the guest's kernel.  The kernel makes variables
# of the words NAME=VALUE that it does not use, and the guest's script can read them.
# With console_irq=0 the guest polls its console, which costs port I/O that some tests
# count.
vm() {
	name=$1
	shift
	# Without these features the guest's kernel makes no hypercalls, which the
	# tests would count with their own.
	cpu=host,-kvm-pv-ipi,-kvm-pv-unhalt,-kvm-pv-sched-yield
	# QEMU's emulation of SVM does not intercept XSETBV.  KVM then answers
	# CPUID for the wrong XCR0, and the guest's kernel warns of it.  Hide AVX
	# with XSAVE, because Linux 7.3 looks for AVX by itself.
	#
	# If the emulation leaves its loop before the guest's next exit, it delivers
	# an injected interrupt a second time, even with the guest's IF clear.
	# Without PV EOI, the guest's EOI is an exit.  The handlers of timers and IPIs
	# send the EOI before they take a lock.  The handler of the console does not.
	# So with icount, where QEMU leaves its loop often, use console_irq=0.
	! grep -qw svm /proc/cpuinfo || cpu=$cpu,-xsave,-avx,-kvm-pv-eoi
	rm -f "/run/$name.in" "/run/$name.out" "/run/$name.ready"
	mkfifo "/run/$name.in" "/run/$name.out"
	qemu-system-x86_64 -M "${machine:-microvm,pit=off,pic=off,rtc=on}" -accel kvm -cpu $cpu \
		-smp "${vcpus:?}" -m 256M -kernel /guest/vmlinuz \
		-initrd /guest/initrd -append "$(cat /guest/cmdline) ${append:-}" \
		-display none -nodefaults -no-reboot \
		-chardev stdio,signal=off,id=console -device "isa-serial,irq=${console_irq:-4},chardev=console" \
		-chardev "pipe,id=qmp,path=/run/$name" -mon qmp,mode=control \
		"$@"
}

# In the host: await FILE PATTERN: wait for a line in the file of a console.
await() {
	until grep -qs "$2" "$1"; do
		sleep 0.2
	done
}

# In the host: give_guests DIRECTORY [PATH]: the guests that boot after this have what
# DIRECTORY has, or PATH in it, in their root directory.
give_guests() {
	(cd "$1" && find "${2:-.}" | cpio -o -H newc >>/guest/initrd)
}

# In the host: boot one guest on this console, and fail unless it succeeds.
guest() {
	echo "lab: host: booting the guest"
	vm guest "$@" | tee /run/guest.console
	grep -q '^lab: guest: done' /run/guest.console
}

# In the host: monitor NAME COMMAND...: run a command of QEMU's human monitor, and
# print the answer.
monitor() {
	name=$1
	shift
	# Open the pipe of the answers first: after "quit" QEMU has closed its end.
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

# Each line is {"return": ...}, {"error": ...} or an event, which is skipped.
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

# In the host: receive NAME [OPTION...]: a VM that waits for a guest.
receive() {
	destination=$1
	shift
	vm "$destination" -incoming "unix:/run/$destination.migration" "$@" |
		tee "/run/$destination.console" &
	until [ -S "/run/$destination.migration" ]; do
		sleep 0.2
	done
}

# In the host: migrate FROM TO
migrate() {
	monitor "$1" "migrate -d unix:/run/$2.migration"
	until monitor "$1" "info migrate" | grep -q '^Migration status: completed'; do
		sleep 0.2
	done
	monitor "$1" quit
	echo "lab: host: migrated the guest from the $1 VM to the $2"
}

# In the guest: as_nobody COMMAND
as_nobody() {
	su -s /bin/sh nobody -c "$1"
}

# In the guest: await_sampling PROCESS: wait until this "kvm-exits who" samples.  Then it
# waits in rt_sigtimedwait().
await_sampling() {
	until grep -q '^128 ' "/proc/$1/syscall"; do
		kill -0 "$1" || return
		sleep 0.2
	done
}

# In the guest: print a command and its output.
show_as_root() {
	echo "lab: guest: \$ $1"
	sh -c "$1"
}

# In the guest: the same, as the user "nobody".
show() {
	echo "lab: guest: \$ $1"
	as_nobody "$1"
}

# Print the file "out".  The judge would take a line that begins with ok for a test.
print_out() {
	sed 's/^ok /# &/' out
}

# prints PATTERN COMMAND: the output has the pattern, and the status is 0.
prints() {
	show "$2" >out 2>&1 || return
	print_out
	grep -q "$1" out
}

# fails STATUS MESSAGE COMMAND: the command ends with this status, and its last line
# has the message.
fails() {
	status=0
	show "$3" >out 2>&1 || status=$?
	print_out
	[ $status = "$1" ] && tail -n 1 out | grep -q "$2"
}

# bounded A B C: no count of a reason falls from one saved table to the next.
bounded() {
	awk '/^[-0-9]/ {
		for (i = 3; i <= 5; i++) {
			if ($i + 0 < last[$1, i] + 0) {
				print "# " FILENAME ": " $2 " falls: " $i \
					" after " last[$1, i]
				fell = 1
			}
			last[$1, i] = $i
		}
	} END { exit fell }' "$@"
}
