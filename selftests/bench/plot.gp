# SPDX-License-Identifier: GPL-2.0-only
#
# gnuplot plot.gp: bench.svg from results.txt.

set terminal svg size 900,360 font "sans-serif,12" background "white"
set output "bench.svg"
set title "Instructions that counting adds to an NPT or EPT violation"
set style data histograms
set style histogram clustered gap 1
set style fill solid
set boxwidth 0.9
set xrange [-0.7:5.7]
set yrange [0:*]
set offsets 0, 0, 300, 0
set border 3
set tics nomirror scale 0
set grid y linecolor "#dddddd"
set key top left

added(isa) = "< awk -v isa=" . isa . " ' \
	$1 == isa && $3 == \"fault\" { cost[$2] = $4 } \
	END { \
		print \"\\\"one clock\\\"\", cost[\"one_clock\"] - cost[\"stock\"]; \
		print \"\\\"both clocks\\\"\", cost[\"on\"] - cost[\"stock\"]; \
		print \"\\\"attached\\\"\", cost[\"attached\"] - cost[\"stock\"]; \
		print \"\\\"kvm-exits vms\\\"\", cost[\"tracepoints\"] - cost[\"stock\"]; \
		print \"\\\"ftrace\\\"\", cost[\"ftrace\"] - cost[\"stock\"]; \
		print \"\\\"perf kvm stat\\\"\", cost[\"perf\"] - cost[\"stock\"] \
	}' results.txt"

plot added("svm") using 2:xtic(1) title "SVM" linecolor "#4477aa", \
     added("vmx") using 2 title "VMX" linecolor "#ee6677", \
     added("svm") using ($0 - 0.17):2:2 with labels offset 0, 0.7 notitle, \
     added("vmx") using ($0 + 0.17):2:2 with labels offset 0, 0.7 notitle
