# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The Debian system on the disc that debian.mk makes, for lab.sh's scripts.

until [ -b /dev/nvme0n1 ]; do
	sleep 0.1
done
mkdir /debian
mount -t ext4 /dev/nvme0n1 /debian
for d in dev proc sys; do
	mount -o rbind /$d /debian/$d
done
mount -t tmpfs run /debian/run

# As udev would.
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd

# Compiling takes its time.
echo timeout=600 >/lib/settings
