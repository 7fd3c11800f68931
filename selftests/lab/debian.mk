# SPDX-License-Identifier: GPL-2.0-only
#
# A disc with a Debian system as Debian's own tools install it, for one kernel
# release: that kernel and its headers, and DKMS with a key to sign with.

B := ../build/$(RELEASE)

SUITE := $(shell . /etc/os-release && echo $$VERSION_CODENAME)
SOURCES := $(wildcard /etc/apt/sources.list \
	$(addprefix /etc/apt/sources.list.d/,*.list *.sources))
PACKAGES := dkms openssl systemd libncurses6 \
	linux-image-$(RELEASE) linux-headers-$(RELEASE)

comma := ,
empty :=
list = $(subst $(empty) ,$(comma),$(strip $(1)))

$(B)/debian.ext4: debian.mk
	mkdir -p $(B)
	mmdebstrap --quiet --variant=minbase --include=$(call list,$(PACKAGES)) \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='chroot "$$1" openssl req -new -x509 -nodes \
			-subj "/CN=DKMS module signing key/" -newkey rsa:2048 \
			-keyout /var/lib/dkms/mok.key -outform DER \
			-out /var/lib/dkms/mok.pub 2>/dev/null' \
		$(SUITE) $(B)/debian.tar $(SOURCES)
	rm -rf $(B)/debian
	mkdir $(B)/debian
	fakeroot sh -c 'tar -C $(B)/debian -xf $(B)/debian.tar && \
		mke2fs -q -F -t ext4 -d $(B)/debian $@.new 2G'
	rm -r $(B)/debian $(B)/debian.tar
	mv $@.new $@
