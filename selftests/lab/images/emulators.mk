# SPDX-License-Identifier: GPL-2.0-only
#
# The emulators and their firmware, from one release of Debian, whatever release
# this machine runs.  The packages are only unpacked, which needs no privileges.
# The script emulator starts the programs.

SUITE := trixie
PACKAGES := qemu-system-x86,seabios,bochs,bochs-term,bochsbios,vgabios

B := ../../build/emulators

$(B): emulators.mk emulator
	@echo "lab: getting the emulators of Debian's $(SUITE)"
	rm -rf $@ $@.new
	mkdir -p $@.new/root
	../../../host-kvm-patch/scripts/debian-kernel sources $(SUITE) >$@.new/apt.list
	mmdebstrap --mode=chrootless --variant=extract --include=$(PACKAGES) \
		$(SUITE) $@.new/root.tar $@.new/apt.list >$@.new/log 2>&1 && \
	tar -C $@.new/root -xf $@.new/root.tar 2>>$@.new/log || { \
		echo "lab: cannot get the emulators:" \
			"$$(sed -n 's/^E: //p' $@.new/log | head -n 1)" >&2; \
		rm -rf $@.new; exit 1; }
	cp emulator $@.new/root
	ln -s emulator $@.new/root/qemu-system-x86_64
	ln -s emulator $@.new/root/bochs
	mv $@.new/root $@
	rm -r $@.new
	touch $@
