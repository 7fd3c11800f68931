# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# In the guest: the views of kvm-exits that are the same with the module and without
# it.

# No exit for CPUID remains if only kvm-exits reads the counts.
reading_is_left_out() {
	as_nobody 'kvm-exits stat -I 50 -c 20 --csv' >out && awk -F, '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
		$column["reason"] == "-" { intervals++ }
		$column["name"] == "CPUID" { print "# " $0; more++ }
		END { exit !(intervals == 20 && !more) }' out
}

# The live view, on the serial console.
live() {
	/kselftest/work 5 &
	stty -F /dev/console rows 24 cols 80
	TERM=linux show 'kvm-exits top -c 3' </dev/console
	status=$?
	stty -F /dev/console sane
	wait $!
	echo
	return $status
}

saved_and_compared() {
	for side in before after; do
		as_nobody "kvm-exits save /tmp/$side -- sleep 1" || return
	done
	prints '^reason  *A exits/s' 'kvm-exits diff /tmp/before /tmp/after'
}

# shellcheck disable=SC2034 # for the plan of a test
VIEWS=10

check_views() {
	check "report" prints '^Most frequent' 'kvm-exits report'
	check "report: of an interval" prints '^VM exits in ' 'kvm-exits report -I 1s'
	check "stat: a command's exits" prints '^total .* 100.00 ' \
		'kvm-exits stat -- dd if=/dev/zero of=/tmp/x bs=1M count=40'
	check "stat: what reading costs is left out" reading_is_left_out
	check "stat: percentiles of an interval" \
		prints ' p50 ' 'kvm-exits stat -P -I 500 -c 1'
	check "top, piped" prints 'since start, [1-9]' 'kvm-exits top -I 500ms -c 2 | cat'
	check "top, live" live
	check "hist" prints 'up to' 'kvm-exits hist CPUID'
	check "save and diff" saved_and_compared
	check "prometheus" prints '^kvm_exits_total{reason="CPUID"} [1-9]' \
		'kvm-exits prometheus | grep -w CPUID'
}
