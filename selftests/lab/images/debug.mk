# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel with the kernel's own checks: RELEASE 6.1.0-56-cloud-amd64+debug is the
# source of 6.1.0-56-cloud-amd64, built with kernel.config and debug.config.
# debian-kernel finds it as if it were a package.

PATCH := ../../../host-kvm-patch
DEBIAN_KERNEL := ../../../host-kvm-patch/scripts/debian-kernel
directory := $(shell $(DEBIAN_KERNEL) directory $(RELEASE))
linux := $(directory)/headers/usr/src/linux-headers-$(RELEASE)
image := $(directory)/image
configs := kernel.config $(lastword $(subst +, ,$(RELEASE))).config

# If the options have changed, build the kernel anew, and remove what was built for
# the old one.  Compare the contents, because git sets the dates of files.
ifneq ($(shell cat $(configs) | cmp - $(linux)/lab.config 2>&1),)
.PHONY: $(image)
endif
$(image):
	@echo "lab: building the kernel $(RELEASE), which takes some minutes"
	rm -rf $(directory) $(PATCH)/build/$(RELEASE) ../../build/$(RELEASE)
	mkdir -p $(linux)
	tar -C $(linux) --strip-components=1 \
		-xf "$$($(DEBIAN_KERNEL) source $(RELEASE))"
	cat $(configs) >$(linux)/lab.config
	$(MAKE) -C $(linux) KCONFIG_ALLCONFIG=lab.config allnoconfig
	@! grep CONFIG_ $(linux)/lab.config | grep -vxFf $(linux)/.config || \
		{ echo "lab: $(RELEASE) cannot have the options above: correct" \
			"$(configs)" >&2; exit 1; }
	$(MAKE) -C $(linux) -j$(shell nproc) KERNELRELEASE=$(RELEASE) all
	$(MAKE) -C $(linux) KERNELRELEASE=$(RELEASE) DEPMOD=true \
		INSTALL_MOD_PATH=$(image).new modules_install
	mkdir $(image).new/boot
	cp $(linux)/arch/x86/boot/bzImage $(image).new/boot/vmlinuz-$(RELEASE)
	mv $(image).new $@
