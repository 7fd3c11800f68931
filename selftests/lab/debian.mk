# SPDX-License-Identifier: GPL-2.0-only
#
# A disc with a Debian system as its own tools install it, for one kernel
# release: that kernel, its headers, DKMS with a key for signing.  /project has
# what is to be installed there: the guest's packages, and host-kvm-patch/ with
# the modules built, which would take an emulated machine an hour.

B := ../build/$(RELEASE)
HOST := ../../host-kvm-patch
GUEST := ../../guest-module

SUITE := $(shell . /etc/os-release && echo $$VERSION_CODENAME)
SOURCES := $(wildcard /etc/apt/sources.list \
	$(addprefix /etc/apt/sources.list.d/,*.list *.sources))
PACKAGES := dkms openssl systemd libncurses6 linux-image-$(RELEASE) linux-headers-$(RELEASE)

comma := ,
empty :=
list = $(subst $(empty) ,$(comma),$(strip $(1)))

$(B)/debian.ext4: $(B)/debian.tar FORCE
	$(MAKE) -C $(HOST) KERNELRELEASE=$(RELEASE)
	$(MAKE) -C $(GUEST) deb
	rm -rf $(B)/debian $@
	mkdir -p $(B)/debian/project/host-kvm-patch
	cd $(HOST) && cp -pr --parents Makefile host-kvm debian-kernel series arch \
		$(addprefix build/$(RELEASE)/,kvm.ko kvm-intel.ko kvm-amd.ko \
			linux/.patched linux/scripts/sign-file) \
		$(abspath $(B))/debian/project/host-kvm-patch
	cp $(GUEST)/build/kvm-exits_*.deb $(GUEST)/build/kvm-exits-dkms_*.deb \
		$(B)/debian/project
	fakeroot sh -c 'tar -C $(B)/debian -xf $< && \
		chown -R 0:0 $(B)/debian/project && \
		mke2fs -q -t ext4 -d $(B)/debian $@ 2G'
	rm -rf $(B)/debian

$(B)/debian.tar: debian.mk
	mmdebstrap --quiet --variant=minbase --include=$(call list,$(PACKAGES)) \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='chroot "$$1" openssl req -new -x509 -nodes \
			-subj "/CN=DKMS module signing key/" -newkey rsa:2048 \
			-keyout /var/lib/dkms/mok.key -outform DER \
			-out /var/lib/dkms/mok.pub 2>/dev/null' \
		$(SUITE) $@.new.tar $(SOURCES)
	mv $@.new.tar $@

FORCE:

.PHONY: FORCE
