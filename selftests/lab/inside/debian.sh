# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Mounts the Debian system of debian.mk's disc on /debian.  What the tests install
# is in /debian/project.

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

# udev, which makes this link, does not run.
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd

# Compiling is slow here.
echo timeout=600 >/lib/settings
