# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# In the host: who can read the counts in a guest, as the guest says on its console.
# The console of VM NAME is the file NAME.console in $consoles.
: "${consoles:=/run}"

# Set $seen to what the guest says after this moment.  The first line that it prints may
# have begun before.
look() {
	console=$consoles/$1.console
	[ -e "$console" ] || return
	n=$(grep -c '^sees: ' "$console" || :)
	until [ "$(grep -c '^sees: ' "$console")" -ge $((n + 2)) ]; do
		sleep 0.5
	done
	seen=$(grep '^sees: ' "$console" | tail -n 1 | tr -d '\r')
	echo "# $1 $seen"
}

# Neither the kernel nor a process of the guest can read the counts.  Keep what CPUID
# answers a process there.
without() {
	look "$1"
	stock=${seen##* }
	nobody "$1"
}

# Neither the kernel nor a process of the guest can read the counts: CPUID answers as in
# the guest of without().
nobody() {
	look "$1"
	[ "$seen" = "sees: user no, kernel no, ${stock:?}" ]
}

kernel() {
	look "$1"
	[ "$seen" = "sees: user no, kernel yes, $stock" ]
}

all() {
	look "$1"
	[ "${seen%, *}" = "sees: user yes, kernel yes" ] && [ "${seen##* }" != "$stock" ]
}

# reset NAME COMMAND...: a command that resets the VM.  Its guest boots again.
reset() {
	console=$consoles/$1.console
	shift
	n=$(grep -c '^lab: guest: Linux' "$console")
	"$@" || return
	until [ "$(grep -c '^lab: guest: Linux' "$console")" -gt "$n" ]; do
		sleep 0.5
	done
}

# says STATUS TEXT COMMAND...: the status and the whole output of a command.
says() {
	wanted="$1: $2"
	shift 2
	status=0
	said=$("$@" 2>&1) || status=$?
	printf '%s\n' "wanted $wanted" "got $status: $said" | sed 's/^/# /'
	[ "$status: $said" = "$wanted" ]
}

# The process of QEMU.
pid_of() {
	for pid in /sys/kernel/debug/kvm/*-*; do
		pid=${pid##*/}
		pid=${pid%-*}
		! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q "^guest=$1," || echo "$pid"
	done
}
