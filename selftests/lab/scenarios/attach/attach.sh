# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Loads and unloads the module that attaches.  The tests look for its parameters where
# the patched kvm.ko has them: so mount them there.

attach() {
	insmod /scenario/kvm_exits_host.ko
	mount --bind /sys/module/kvm_exits_host/parameters /sys/module/kvm/parameters
}

detach() {
	umount /sys/module/kvm/parameters
	rmmod kvm_exits_host
}
