# SPDX-License-Identifier: GPL-2.0-only

LAB := selftests/lab

ISA ?= svm
# That of the machine's Debian release, or 6.1 if the release is unknown.
KERNEL ?= $(or $(shell host-kvm-patch/scripts/debian-kernel default 2>/dev/null),6.1)

# The packages of Debian 12 or 13 that all builds and the lab need.
PACKAGES := bc bison build-essential busybox-static cpio cpuid debhelper \
	debian-archive-keyring dh-dkms dwarves e2fsprogs fakeroot flex git isolinux \
	kmod libelf-dev libncurses-dev libssl-dev mmdebstrap patch perl python3 \
	rsync syslinux-common uidmap util-linux xorriso xz-utils

DEMO_LOG := selftests/build/log/$(ISA)-$(KERNEL)-1-demo.log

help:
	@echo 'make demo [ISA=vmx]  boot a patched host with a guest, and show the exits of'
	@echo '                     the guest: AMD under QEMU, or Intel under Bochs'
	@echo 'make shell [ISA=vmx] a prompt in that guest and, with QEMU, in its host'
	@echo 'make test            the tests of selftests/lab/scenarios.cfg, and make check'
	@echo 'make check           the static checks of all files'
	@echo 'make test-kvm        KVM'"'"'s own selftests, with stock and with patched'
	@echo '                     modules: half an hour'
	@echo 'make test-hostile    scenario hostile with a million exits, a thousand loads'
	@echo 'make test-debug      the tests on kernels with KASAN, lockdep, kmemleak, fault'
	@echo '                     injection and KCSAN, in both levels: an hour'
	@echo 'make bench           the instructions that an exit costs with the patch, and with'
	@echo '                     other tools that count exits: half an hour'
	@echo 'make bench-hooks     the cycles that the hooks cost on this processor: a minute,'
	@echo '                     on any x86-64 machine, without KVM and without root'
	@echo 'make bench-host      as root, on a host with the patched KVM: the cycles of exits'
	@echo 'make build           build the modules of host and guest'
	@echo 'make deps            as root: install the Debian packages that are missing; all'
	@echo '                     targets above begin with it, except the last two benchmarks'
	@echo 'make clean           remove all that was fetched and built'
	@echo
	@echo 'KERNEL=VERSION       the kernel for demo, shell, build, test-kvm, test-hostile and'
	@echo '                     bench: 6.1, 6.12, 7.2 or 7.3; the default here is $(KERNEL)'
	@echo 'V=1                  print the whole consoles in demo and test'
	@echo
	@echo 'To run one scenario of the lab: $(LAB)/run'
	@echo 'To install on a host or in a guest: make -C host-kvm-patch help,'
	@echo 'make -C guest-module help'

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

# For the tests of the tools, and for perf.
test: PACKAGES += bash-completion bpftrace libdw-dev libncurses-dev linux-perf man-db \
	prometheus prometheus-node-exporter systemd tmux trace-cmd valgrind
test check bench: PACKAGES += bpftool clang libbpf-dev
test check: PACKAGES += coccinelle codespell lld llvm pyflakes3 shellcheck sparse
test check: deps
	@$(MAKE) --no-print-directory -C $(LAB) $@

bench: PACKAGES += gnuplot-nox linux-perf
bench: deps
	@$(MAKE) --no-print-directory -C selftests/bench KERNEL=$(KERNEL)

bench-hooks:
	@$(MAKE) --no-print-directory -C selftests/bench hooks

bench-host:
	@$(MAKE) --no-print-directory -C selftests/bench host

test-kvm: PACKAGES += uuid-dev
test-kvm: deps
	@$(LAB)/run --kernel $(KERNEL) --cpus 2 kvm; status=$$?; \
	sed -En 's/\r//; s/^(not )?ok [0-9]+ (.*: stock modules: )/\1\2/p' \
		selftests/build/log/svm-$(KERNEL)-2-kvm.log; exit $$status

test-hostile: deps
	@EXITS=1000000 LOADS=1000 $(LAB)/run --kernel $(KERNEL) --cpus 2 hostile

test-debug: deps
	@$(MAKE) --no-print-directory -C $(LAB) $@

build: deps
	release=$$(host-kvm-patch/scripts/debian-kernel newest $(KERNEL)) && \
	$(MAKE) -C host-kvm-patch KERNELRELEASE=$$release && \
	$(MAKE) -C guest-module KERNELRELEASE=$$release

# Print what is installed as root before it is installed.
deps:
	@command -v apt-get >/dev/null || { echo "make: this target needs Debian 12 or 13;" \
		"elsewhere run make in host-kvm-patch with LINUX=PATH, and in" \
		"guest-module" >&2; exit 1; }; \
	missing=$$(for p in $(PACKAGES); do \
		dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | \
			grep -qx installed || echo $$p; \
	done); \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif command -v sudo >/dev/null; then sudo=sudo; \
	else echo "make: packages are missing: run as root: apt-get install" \
		$$missing >&2; exit 1; fi; \
	echo "Installing these packages as root$${sudo:+ with sudo}:" $$missing; \
	$$sudo apt-get -qq update && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		--no-install-recommends install $$missing >/dev/null || { \
		echo "make: the packages are not installed: see apt-get's message" >&2; exit 1; }

clean:
	$(MAKE) -C host-kvm-patch clean
	$(MAKE) -C guest-module clean
	rm -rf selftests/build

.PHONY: help demo shell test check test-kvm test-hostile test-debug bench bench-hooks bench-host build deps clean
