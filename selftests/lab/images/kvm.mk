# SPDX-License-Identifier: GPL-2.0-only
#
# KVM's own selftests, from the source of one kernel release and with the
# series' own test among them.

PATCH := ../../../host-kvm-patch
DEBIAN_KERNEL := ../../../host-kvm-patch/scripts/debian-kernel
series := $(shell echo '$(RELEASE)' | cut -d. -f1,2)
tests := series/1-host/8-selftest series/2-guest/5-selftest
hooks := $(shell cat $(PATCH)/build/$(RELEASE)/hooks)
test := $(foreach t,$(tests),$(firstword $(shell cat $(PATCH)/$(t)/files)))
header := arch/x86/include/uapi/asm/kvm_vmexit.h

B := ../../build/$(RELEASE)
linux := $(B)/kvm/linux
selftests := tools/testing/selftests
programs := $(abspath $(linux)/$(selftests)/kvm)

# The parts of the source that "make headers" and the tests need.
needed := Kbuild Makefile arch/x86 include scripts usr tools/arch/x86 tools/build \
	tools/include tools/lib tools/scripts $(addprefix $(selftests)/,kvm rseq \
	lib.mk kselftest.h kselftest_harness.h kselftest)
# The tests of 7.2 and 7.3 use directories of other tests, with links to these drivers.
needed += $(if $(filter 7.%,$(series)),$(addprefix $(selftests)/,cgroup clone3 vfio) \
	$(addprefix drivers/,dma/idxd dma/ioat net/ethernet/intel/igb))

# Two tests of 6.1 do not build without these.
flags-6.1 := -include linux/stddef.h -DTEST_ASSERT_EQ=ASSERT_EQ
# The tests of 7.x need libuuid, which is not in the hypervisor.
flags-7.2 := -static
flags-7.3 := -static

# Without OUTPUT make would write the programs to /.
$(B)/kvm/list: $(wildcard $(tests:%=$(PATCH)/%/*)) $(test:%=$(PATCH)/%) \
		$(PATCH)/$(header) kvm.mk
	rm -rf $(B)/kvm
	mkdir -p $(linux)
	tar -C $(linux) --strip-components=1 \
		-xf "$$($(DEBIAN_KERNEL) source $(RELEASE))" \
		$(addprefix linux-source-$(series)/,$(needed))
	$(PATCH)/scripts/hooks patch $(hooks) $(linux) $(tests) >/dev/null
	$(PATCH)/scripts/hooks files $(hooks) $(linux) $(tests)
	cp $(PATCH)/$(header) $(linux)/$(header)
	$(MAKE) -C $(linux) headers
	$(MAKE) -C $(programs) OUTPUT=$(programs) EXTRA_CFLAGS='$(flags-$(series))'
	$(MAKE) -s -C $(programs) OUTPUT=$(programs) emit_tests COLLECTION=kvm | \
		sed -n 's/^kvm://p' >$@.new
	mv $@.new $@
