# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The Debian system on debian.mk's disc, with what is to be installed in /project.

until [ -b /dev/nvme0n1 ]; do
	sleep 0.1
done
mkdir /debian
mount -t ext4 /dev/nvme0n1 /debian
for d in dev proc sys; do
	mount -o rbind /$d /debian/$d
done
mount -t tmpfs run /debian/run
cp -pr /scenario/project /debian

# As udev would.
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd

# Compiling takes its time.
echo timeout=600 >/lib/settings
