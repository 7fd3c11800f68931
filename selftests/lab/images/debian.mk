# SPDX-License-Identifier: GPL-2.0-only
#
# A disc with a Debian system as Debian's own tools install it, for one kernel
# release: that kernel and its headers, DKMS with a key to sign with, and libvirt.

B := ../../build/$(RELEASE)

SUITE := $(if $(findstring +deb13,$(RELEASE)),trixie,bookworm)
# A kernel from backports needs a newer linux-base than the release has.
PACKAGES := dkms openssl systemd libncurses6 python3 \
	libvirt-daemon-system libvirt-clients qemu-system-x86 \
	$(if $(filter 7.%,$(RELEASE)),linux-base/$(SUITE)-backports) \
	linux-image-$(RELEASE) linux-headers-$(RELEASE)

comma := ,
empty :=
list = $(subst $(empty) ,$(comma),$(strip $(1)))

$(B)/debian.ext4: debian.mk
	@echo "lab: making a disc with Debian $(SUITE), which takes some minutes"
	mkdir -p $(B)
	../../../host-kvm-patch/scripts/debian-kernel sources $(SUITE) >$(B)/debian.list
	mmdebstrap --quiet --variant=minbase --include=$(call list,$(PACKAGES)) \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='chroot "$$1" openssl req -new -x509 -nodes \
			-subj "/CN=DKMS module signing key/" -newkey rsa:2048 \
			-keyout /var/lib/dkms/mok.key -outform DER \
			-out /var/lib/dkms/mok.pub 2>/dev/null' \
		$(SUITE) $(B)/debian.tar $(B)/debian.list
	rm -rf $(B)/debian
	mkdir $(B)/debian
	fakeroot sh -c 'tar -C $(B)/debian -xf $(B)/debian.tar && \
		mke2fs -q -F -t ext4 -d $(B)/debian $@.new 2G'
	rm -r $(B)/debian $(B)/debian.tar $(B)/debian.list
	mv $@.new $@
