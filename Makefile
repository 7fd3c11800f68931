# SPDX-License-Identifier: GPL-2.0-only

LAB := selftests/lab

ISA ?= svm
# As good as the machine's own release of Debian is known.
KERNEL ?= $(or $(shell $(LAB)/default-kernel 2>/dev/null),6.1)

# What Debian 12 or 13 needs to build everything and to run the lab.
PACKAGES := bc bison build-essential busybox-static cpio cpuid debhelper \
	debian-archive-keyring dh-dkms dwarves e2fsprogs fakeroot flex git isolinux \
	kmod libelf-dev libncurses-dev libssl-dev mmdebstrap patch perl python3 \
	rsync syslinux-common uidmap util-linux xorriso xz-utils

DEMO_LOG := selftests/build/log/$(ISA)-$(KERNEL)-1-demo.log

help:
	@echo 'make demo [ISA=vmx]  boot a patched host with a guest and show the exits of'
	@echo '                     the guest: AMD under QEMU, or Intel under Bochs'
	@echo 'make shell [ISA=vmx] a prompt in that guest, and with QEMU in its host'
	@echo 'make test            the tests listed in selftests/lab/tests, and the checks'
	@echo 'make check           only the static checks of all files, a part of make test'
	@echo 'make test-kvm        KVM'"'"'s own selftests, with stock and with patched'
	@echo '                     modules: half an hour'
	@echo 'make test-hostile    scenario hostile with a million exits, a thousand loads'
	@echo 'make test-debug      the tests on kernels with KASAN, lockdep, kmemleak, fault'
	@echo '                     injection and KCSAN, in both levels: an hour'
	@echo 'make bench           what exits cost, with the patch and with what else counts'
	@echo '                     them, in instructions: half an hour'
	@echo 'make build           only build the modules of host and guest'
	@echo 'make deps            only install the Debian packages that are missing'
	@echo 'make clean           remove all that was fetched and built'
	@echo
	@echo 'KERNEL=6.12          another kernel than $(KERNEL) for demo, shell, build, test-kvm and'
	@echo '                     test-hostile'
	@echo 'V=1                  demo and test show the whole consoles'
	@echo
	@echo 'One scenario of the lab: $(LAB)/run.  Installing for real:'
	@echo 'make -C host-kvm-patch help, make -C guest-module help'

demo: deps
	@$(LAB)/run --isa $(ISA) --kernel $(KERNEL) demo
	@echo
	@awk 'BEGIN { print "$$ cat /proc/kvm_exits   # as nobody, in the guest" } \
		{ sub(/\r+$$/, "") } \
		/^# kvm_exits/ { table = 1 } \
		/^(lab|guest|host): / { table = 0 } \
		table { if (/^#/ || $$3) print; else zero++ } \
		END { print "(" zero " more reasons, without exits)" }' $(DEMO_LOG)

shell: deps
	@$(LAB)/run --isa $(ISA) --kernel $(KERNEL) shell

# The tools' tests, and the real perf.
test: PACKAGES += bash-completion libncurses-dev linux-perf man-db \
	prometheus prometheus-node-exporter systemd tmux valgrind
test check: PACKAGES += clang coccinelle codespell shellcheck sparse
test check: deps
	@$(MAKE) --no-print-directory -C $(LAB) $@

bench: PACKAGES += gnuplot-nox linux-perf
bench: deps
	@$(MAKE) --no-print-directory -C selftests/bench KERNEL=$(KERNEL)

test-kvm: deps
	@$(LAB)/run --kernel $(KERNEL) --cpus 2 kvm; status=$$?; \
	sed -En 's/\r//; s/^(not )?ok [0-9]+ (.*: stock modules: )/\1\2/p' \
		selftests/build/log/svm-$(KERNEL)-2-kvm.log; exit $$status

test-hostile: deps
	@EXITS=1000000 LOADS=1000 $(LAB)/run --kernel $(KERNEL) --cpus 2 hostile

test-debug: deps
	@$(MAKE) --no-print-directory -C $(LAB) $@

build: deps
	release=$$(host-kvm-patch/debian-kernel newest $(KERNEL)) && \
	$(MAKE) -C host-kvm-patch KERNELRELEASE=$$release && \
	$(MAKE) -C guest-module KERNELRELEASE=$$release

# All targets begin with this, and it tells what it is about to do as root.
deps:
	@command -v apt-get >/dev/null || { echo "This needs Debian 12 or 13, or these" \
		"packages of it by hand and make's other targets directly:" \
		$(PACKAGES) >&2; exit 1; }; \
	missing=$$(for p in $(PACKAGES); do \
		dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | \
			grep -qx installed || echo $$p; \
	done); \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif command -v sudo >/dev/null; then sudo=sudo; \
	else echo "Please install, as root: apt-get install" $$missing >&2; exit 1; fi; \
	echo "Installing these packages$${sudo:+, as root with sudo}:" $$missing; \
	$$sudo apt-get -qq update && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		--no-install-recommends install $$missing >/dev/null || { \
		echo "These packages cannot be installed: see apt-get's message" >&2; exit 1; }

clean:
	$(MAKE) -C host-kvm-patch clean
	$(MAKE) -C guest-module clean
	rm -rf selftests/build

.PHONY: help demo shell test check test-kvm test-hostile test-debug bench build deps clean
