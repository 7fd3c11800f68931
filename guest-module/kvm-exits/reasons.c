// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of reasons: what each is, when it is normal, and what to do if it
 * is frequent.
 *
 * The names are those of the kernel's tables for VMX and SVM, in capitals, with
 * '_' for any other character.  '*' and '?' are wildcards.
 */
#include <ctype.h>
#include <err.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "reasons.h"

static const struct reason reasons[] = {
	{ "EXCEPTION_NMI NMI", EXCEPTION,
	  "An exception that KVM intercepts, or an NMI that was meant for\n"
	  "the host.",
	  "Some per second: the host's own NMIs, such as its perf and its\n"
	  "NMI watchdog.",
	  "Stops of about 10 ms are split locks on a host that detects\n"
	  "them: find the program whose atomic access crosses a cache line,\n"
	  "or set kernel.split_lock_mitigate=0 on the host. Short ones with\n"
	  "many MSR writes are perf or the NMI watchdog with a virtual PMU.",
	  "SDM Vol. 3, \"Exceptions and Interrupts as VM exits\"; APM Vol.\n"
	  "2, \"Interrupt Intercepts\"; Linux,\n"
	  "Documentation/arch/x86/buslock.rst" },
	{ "AC_EXCP", EXCEPTION,
	  "An alignment check exception (#AC). A split lock raises it where\n"
	  "the host detects split locks.",
	  "Never, in most guests.",
	  "An atomic access crosses a cache line; the host delays each by\n"
	  "10 ms. Find the program, or set kernel.split_lock_mitigate=0 on\n"
	  "the host.",
	  "Linux, Documentation/arch/x86/buslock.rst; APM Vol. 2,\n"
	  "\"Exception Intercepts\"" },
	{ "DB_EXCP BP_EXCP", DEBUG,
	  "A debug exception or a breakpoint that KVM intercepts.",
	  "While the VMM's debugger is attached to the guest.",
	  "Detach the debugger of the VMM (QEMU: gdbstub).",
	  "APM Vol. 2, \"Exception Intercepts\"; Linux,\n"
	  "Documentation/virt/kvm/api.rst, KVM_SET_GUEST_DEBUG" },
	{ "PF_EXCP", SHADOW,
	  "A page fault of the guest that KVM intercepts.",
	  "Only on hosts without nested paging, or with the guest's\n"
	  "MAXPHYADDR below the host's.",
	  "Turn on nested paging on the host (kvm_amd.npt=1, kvm_intel.ept=1).",
	  "Linux, Documentation/virt/kvm/x86/mmu.rst; APM Vol. 2, \"Nested\n"
	  "Paging\"" },
	{ "UD_EXCP GP_EXCP NM_EXCP ??_EXCP", EXCEPTION,
	  "An exception of the guest that KVM intercepts, to emulate an\n"
	  "instruction or to pass it on.",
	  "Some, when programs probe for instructions that the virtual CPU\n"
	  "does not have.",
	  "Find the instruction: the guest uses something that its virtual\n"
	  "CPU does not have, so KVM emulates it. Give the VM a CPU model\n"
	  "that is nearer to the host's.",
	  "APM Vol. 2, \"Exception Intercepts\"; SDM Vol. 3, \"VM-Execution\n"
	  "Control Fields: Exception Bitmap\"" },
	{ "EXTERNAL_INTERRUPT INTERRUPT", HOSTINT,
	  "An interrupt of the host arrived while the guest ran: a timer, a\n"
	  "device, or another CPU's IPI.",
	  "At the rate of the host's timer tick and of the guest's own\n"
	  "timers: 100 to 1,000 a second for each CPU.",
	  "On a CPU that belongs to the guest, move the host's work to\n"
	  "housekeeping CPUs (nohz_full=, irqaffinity=, isolated cpusets,\n"
	  "IRQ affinities), and let the host post interrupts and timers\n"
	  "(APICv or AVIC, kvm.pi_inject_timer=1).",
	  "SDM Vol. 3, \"External-Interrupt Exiting\"; APM Vol. 2,\n"
	  "\"Interrupt Intercepts\"; Linux,\n"
	  "Documentation/admin-guide/kernel-parameters.txt and\n"
	  "Documentation/timers/no_hz.rst" },
	{ "TRIPLE_FAULT SHUTDOWN", OTHER,
	  "The guest took a fault that it could not handle, or resets\n"
	  "itself in this way.",
	  "One at a reset of the VM.",
	  "The guest crashes and restarts again and again: see the log of\n"
	  "the VMM and the guest's console.",
	  "SDM Vol. 3, \"Other Causes of VM Exits\"; APM Vol. 2, \"Shutdown\n"
	  "Intercept\"" },
	{ "INIT_SIGNAL SIPI_SIGNAL INIT", OTHER,
	  "A signal that starts or resets a CPU.",
	  "At the start of a CPU of a nested guest.",
	  "CPUs are started and stopped all the time: look for CPU hotplug\n"
	  "in the guest.",
	  "SDM Vol. 3, \"Other Causes of VM Exits\"; APM Vol. 2, \"INIT\n"
	  "Intercept\"" },
	{ "SMI RSM IO_SMI OTHER_SMI", SMM,
	  "System management mode was entered, or left by RSM.",
	  "Some while the firmware of the VM (OVMF with secure boot) stores\n"
	  "a variable.",
	  "Find what makes the firmware run: it is often a write of an EFI\n"
	  "variable or an access to port 0xb2.",
	  "SDM Vol. 3, \"Dual-Monitor Treatment of SMIs\"; APM Vol. 2,\n"
	  "\"SMM Support\"" },
	{ "INTERRUPT_WINDOW VINTR", WINDOW,
	  "The guest became able to take an interrupt that KVM holds ready\n"
	  "for it.",
	  "With many interrupts on a host without APICv or AVIC.",
	  "Let the host virtualise the APIC (APICv:\n"
	  "kvm_intel.enable_apicv=1; AVIC: kvm_amd.avic=1), and cause fewer\n"
	  "interrupts: interrupt moderation, multiqueue, fewer timers.",
	  "SDM Vol. 3, \"Interrupt-Window Exiting and Virtual-Interrupt\n"
	  "Delivery\"; APM Vol. 2, \"Virtual Interrupt Intercept\"" },
	{ "NMI_WINDOW IRET", NMI,
	  "The guest became able to take an NMI that KVM holds ready for it.",
	  "With perf or the NMI watchdog in the guest.",
	  "Sample less often, or turn off the guest's NMI watchdog\n"
	  "(kernel.nmi_watchdog=0).",
	  "SDM Vol. 3, \"NMI-Window Exiting\"; APM Vol. 2, \"IRET\n"
	  "Intercept\"; Linux,\n"
	  "Documentation/admin-guide/lockup-watchdogs.rst" },
	{ "TASK_SWITCH", OTHER,
	  "A task switch by hardware, which KVM has to emulate.",
	  "Only in 32-bit guests, for a double fault.",
	  "An old 32-bit system uses hardware tasks: use a newer one.",
	  "SDM Vol. 3, \"Instructions That Cause VM Exits\n"
	  "Unconditionally\"; APM Vol. 2, \"Task Switch Intercept\"" },
	{ "CPUID", CPUID,
	  "The instruction CPUID. It always exits on Intel, and KVM\n"
	  "intercepts it on AMD.",
	  "At boot, and some 20 to 30 for each program that starts, as its\n"
	  "libraries look at the CPU; also each reading of these counts.",
	  "Find the caller: a library or program asks in a loop, or uses\n"
	  "CPUID to serialise. Cache the result (cpuinfo, getauxval(3)),\n"
	  "use LFENCE or RDTSCP to serialise, and start fewer short-lived\n"
	  "processes.",
	  "SDM Vol. 3, \"Instructions That Cause VM Exits\n"
	  "Unconditionally\"; APM Vol. 2, \"Instruction Intercepts\";\n"
	  "Linux, Documentation/virt/kvm/x86/cpuid.rst" },
	{ "GETSEC SKINIT", OTHER,
	  "An instruction of a measured launch.",
	  "Never.",
	  "The guest tries to launch a measured environment, which KVM does\n"
	  "not offer.",
	  "SDM Vol. 3, \"Instructions That Cause VM Exits\n"
	  "Unconditionally\"; APM Vol. 2, \"Secure Startup with SKINIT\"" },
	{ "HLT IDLE_HALT IDLE_HLT", IDLE,
	  "A vCPU has nothing to do and halts until the next interrupt. The\n"
	  "stop is its sleep.",
	  "Always in an idle guest.",
	  "Only short and frequent halts cost something: each is a sleep\n"
	  "and a wake-up. Let the guest poll before it halts\n"
	  "(cpuidle_haltpoll) or the host (kvm.halt_poll_ns), and keep\n"
	  "threads that wake each other on the same vCPU.",
	  "Linux, Documentation/virt/guest-halt-polling.rst and\n"
	  "Documentation/virt/kvm/halt-polling.rst" },
	{ "MWAIT_INSTRUCTION MWAIT MWAIT_CONDITIONAL MONITOR_INSTRUCTION\n"
	  "MONITOR",
	  MWAIT,
	  "MONITOR or MWAIT, by which an idle CPU waits for a write to memory.",
	  "Never: a guest that has no MWAIT in its CPUID uses HLT.",
	  "The guest waits in a loop that KVM treats as a NOP. Boot it with\n"
	  "idle=halt, or hide MWAIT from it, or let it use MWAIT without\n"
	  "exits (KVM_X86_DISABLE_EXITS_MWAIT, QEMU: -overcommit cpu-pm=on)\n"
	  "on CPUs of its own.",
	  "Linux, Documentation/virt/kvm/api.rst,\n"
	  "KVM_CAP_X86_DISABLE_EXITS; SDM Vol. 3, \"MWAIT Exiting\"" },
	{ "INVD WBINVD", CACHE,
	  "An instruction that empties caches: INVD or WBINVD.",
	  "At boot, when CPUs start; KVM ignores them unless a device is\n"
	  "passed through.",
	  "A driver, often of a GPU, flushes caches: update it. With a\n"
	  "device passed through, each makes the host flush its caches.",
	  "SDM Vol. 3, \"WBINVD Exiting\"; APM Vol. 2, \"Instruction\n"
	  "Intercepts\"" },
	{ "INVLPG INVPCID INVLPGB INVLPGB_ILLEGAL", SHADOW,
	  "An instruction that drops entries of the TLB.",
	  "Only on hosts without nested paging, or for nested guests.",
	  "Turn on nested paging on the host (kvm_intel.ept=1, kvm_amd.npt=1).",
	  "Linux, Documentation/virt/kvm/x86/mmu.rst; SDM Vol. 3, \"INVLPG\n"
	  "Exiting\"" },
	{ "RDPMC", PMC,
	  "The guest reads a performance counter.",
	  "While perf counts in the guest.",
	  "Sample less often (perf record -F), count fewer events at once,\n"
	  "and turn off the NMI watchdog (kernel.nmi_watchdog=0). Tools\n"
	  "such as atop use counters, too.",
	  "SDM Vol. 3, \"RDPMC Exiting\"; Linux,\n"
	  "Documentation/admin-guide/lockup-watchdogs.rst and\n"
	  "Documentation/admin-guide/perf-security.rst" },
	{ "RDTSC RDTSCP", TSC,
	  "The guest reads the time stamp counter, and the host intercepts\n"
	  "it.",
	  "Never: today's hosts do not intercept RDTSC.",
	  "After a migration, the host's TSC has another frequency than the\n"
	  "guest's and the CPU cannot scale it; or the VMM asks for the\n"
	  "intercept. Fix the TSC frequency of the VM, or run it on hosts\n"
	  "with TSC scaling.",
	  "SDM Vol. 3, \"RDTSC Exiting\"; Linux,\n"
	  "Documentation/virt/kvm/x86/timekeeping.rst" },
	{ "VMCALL HYPERCALL VMMCALL", HYPERCALL,
	  "A call of the hypervisor: paravirtual IPIs and wake-ups, or\n"
	  "Hyper-V's interface.",
	  "In guests that use paravirtual features.",
	  "Each stands for something else: many IPIs between vCPUs,\n"
	  "wake-ups of waiting vCPUs, or TLB flushes of a Windows guest.\n"
	  "Keep threads that talk to each other on few vCPUs.",
	  "Linux, Documentation/virt/kvm/x86/hypercalls.rst" },
	{ "VMREAD VMWRITE VMRESUME VMLAUNCH VMPTRLD VMPTRST VMCLEAR VMOFF\n"
	  "VMON INVEPT INVVPID VMRUN VMLOAD VMSAVE STGI CLGI INVLPGA",
	  NESTED,
	  "An instruction of a hypervisor that runs in this guest.",
	  "When the guest runs guests of its own.",
	  "Each exit of a nested guest costs several of these. Use shadow\n"
	  "VMCS (kvm_intel.enable_shadow_vmcs=1) or virtual GIF and VMLOAD\n"
	  "(kvm_amd.vgif=1, vls=1) on the host, lower the exits of the\n"
	  "nested guests, or run that work without nesting.",
	  "Linux, Documentation/virt/kvm/x86/running-nested-guests.rst and\n"
	  "nested-vmx.rst; SDM Vol. 3, \"VMCS Shadowing\"; APM Vol. 2,\n"
	  "\"Nested Virtualization\"" },
	{ "CR_ACCESS READ_CR0 READ_CR2 READ_CR3 READ_CR4 WRITE_CR0\n"
	  "WRITE_CR2 WRITE_CR3 WRITE_CR4 CR0_SEL_WRITE WRITE_CR0_TRAP\n"
	  "WRITE_CR4_TRAP WRITE_EFER_TRAP",
	  CONTROL,
	  "An access to a control register, or to EFER.",
	  "At boot and when a CPU changes its mode; frequent CR3 writes\n"
	  "only without nested paging.",
	  "If CR3 is written at each switch of tasks, the host has no\n"
	  "nested paging: turn it on (kvm_intel.ept=1, kvm_amd.npt=1).\n"
	  "Frequent writes of CR0 are lazy FPU switching of an old kernel,\n"
	  "those of CR4 toggle a feature such as global pages.",
	  "SDM Vol. 3, \"Guest/Host Masks and Read Shadows for CR0 and\n"
	  "CR4\"; APM Vol. 2, \"Control Register Intercepts\"" },
	{ "READ_CR8 WRITE_CR8 WRITE_CR8_TRAP", APIC,
	  "An access to CR8, the task priority of the APIC.",
	  "In Windows guests; Linux does not use it.",
	  "Let the host virtualise the APIC (AVIC: kvm_amd.avic=1; Intel:\n"
	  "TPR shadow), and give a Windows guest Hyper-V's features\n"
	  "(hv_vapic).",
	  "APM Vol. 2, \"Virtual Interrupts\"; SDM Vol. 3, \"Virtualizing\n"
	  "CR8-Based TPR Accesses\"" },
	{ "DR_ACCESS READ_DR? WRITE_DR?", DEBUG,
	  "An access to a debug register.",
	  "While a program uses hardware breakpoints: one at its first access\n"
	  "after the host has switched vCPUs.",
	  "A debugger, a profiler, or an anti-debugging check uses hardware\n"
	  "breakpoints at a high rate: find that process.",
	  "SDM Vol. 3, \"MOV-DR Exiting\"; APM Vol. 2, \"Debug Register\n"
	  "Intercepts\"" },
	{ "IO_INSTRUCTION IO", IO,
	  "An access to an I/O port.",
	  "At boot, and for what has no other way: serial console, RTC,\n"
	  "ACPI, PCI configuration.",
	  "The VMM emulates the devices at the ports: use virtio devices, log\n"
	  "less to the serial console, and check that the guest does not\n"
	  "read its clock from a port.",
	  "Linux, Documentation/driver-api/virtio/virtio.rst and\n"
	  "Documentation/virt/kvm/x86/timekeeping.rst; SDM Vol. 3, \"I/O\n"
	  "Exiting\"; APM Vol. 2, \"IOIO Intercepts\"" },
	{ "MSR_READ MSR_READ_IMM", MSRREAD,
	  "The guest reads a model specific register that KVM intercepts.",
	  "At boot; seldom later.",
	  "Find the reader: monitoring of power, temperature or performance\n"
	  "counters (turbostat, perf, /dev/cpu/*/msr), or a guest that\n"
	  "reads its clock from an MSR (Hyper-V's without the TSC page).",
	  "SDM Vol. 3, \"Use of MSR Bitmaps\" and \"Virtualizing MSR-Based\n"
	  "APIC Accesses\"; Linux, Documentation/virt/kvm/x86/msr.rst" },
	{ "MSR_WRITE MSR MSR_WRITE_IMM", MSR,
	  "The guest accesses a model specific register (AMD: reads and\n"
	  "writes are one reason).",
	  "Each time that a timer is set and, without APICv or AVIC, for\n"
	  "each IPI and end of interrupt.",
	  "It is mostly the local APIC. Set fewer timers (NO_HZ, a lower\n"
	  "CONFIG_HZ), send fewer IPIs (PV IPI, threads that wake each\n"
	  "other on few vCPUs), and let the host virtualise the APIC\n"
	  "(APICv, AVIC).",
	  "Linux, Documentation/timers/no_hz.rst; SDM Vol. 3,\n"
	  "\"TSC-Deadline Mode\" and \"Virtualizing MSR-Based APIC\n"
	  "Accesses\"; APM Vol. 2, \"Advanced Virtual Interrupt\n"
	  "Controller\"" },
	{ "INVALID_STATE MSR_LOAD_FAIL MCE_DURING_VMENTRY INVALID_GUEST_STATE",
	  OTHER,
	  "The entry into the guest failed.",
	  "Never.",
	  "The host's KVM or its hardware has a fault: see the host's\n"
	  "kernel log.",
	  "SDM Vol. 3, \"VM-Entry Failures During or After Loading Guest\n"
	  "State\"; APM Vol. 2, \"Canonicalization and Consistency\n"
	  "Checks\"" },
	{ "MONITOR_TRAP_FLAG", DEBUG,
	  "The host steps through the guest, one instruction at a time.",
	  "Never, without a debugger on the host.",
	  "Detach the debugger or the introspection tool that steps through\n"
	  "this VM.",
	  "SDM Vol. 3, \"Monitor Trap Flag\"" },
	{ "PAUSE_INSTRUCTION PAUSE", SPIN,
	  "A vCPU spins for a lock, and the host took notice (PAUSE-loop\n"
	  "exiting).",
	  "Some, under load.",
	  "The holder of the lock is often a vCPU that the host has\n"
	  "preempted. Give the VM no more vCPUs than the host has CPUs free\n"
	  "for it, and let the host offer paravirtual spinlocks\n"
	  "(KVM_FEATURE_PV_UNHALT). Steal time shows the same.",
	  "Linux, Documentation/virt/kvm/x86/cpuid.rst; SDM Vol. 3,\n"
	  "\"PAUSE-Loop Exiting\"; APM Vol. 2, \"Pause Intercept\n"
	  "Filtering\"" },
	{ "TPR_BELOW_THRESHOLD", APIC,
	  "The guest lowered the priority of its APIC below that of a\n"
	  "waiting interrupt.",
	  "In 32-bit and Windows guests on hosts without APICv.",
	  "Let the host virtualise the APIC (kvm_intel.enable_apicv=1), or\n"
	  "give a Windows guest Hyper-V's features (hv_vapic).",
	  "SDM Vol. 3, \"TPR Virtualization\"" },
	{ "APIC_ACCESS", APIC,
	  "An access to the memory of the local APIC, in xAPIC mode.",
	  "In guests without x2APIC.",
	  "Let the guest use x2APIC (offer it in CPUID, do not boot with\n"
	  "nox2apic), and the host APICv.",
	  "SDM Vol. 3, \"Virtualizing Memory-Mapped APIC Accesses\"" },
	{ "APIC_WRITE", APIC,
	  "A write to the virtual APIC that KVM has to complete, such as an\n"
	  "IPI or a timer.",
	  "With APICv, for IPIs and timers.",
	  "Send fewer IPIs: PV IPI, IPI virtualisation of newer CPUs\n"
	  "(kvm_intel.enable_ipiv=1), threads that wake each other on few\n"
	  "vCPUs.",
	  "SDM Vol. 3, \"APIC-Write VM Exits\" and \"IPI Virtualization\"" },
	{ "EOI_INDUCED", APIC,
	  "The end of a level-triggered interrupt, which the virtual IOAPIC\n"
	  "has to see.",
	  "With devices that use INTx instead of MSI.",
	  "Use devices and drivers with MSI or MSI-X.",
	  "SDM Vol. 3, \"EOI Virtualization\"" },
	{ "AVIC_INCOMPLETE_IPI", APIC,
	  "An IPI that AVIC could not deliver, because its target does not\n"
	  "run.",
	  "For wake-ups of idle vCPUs.",
	  "Keep threads that wake each other on few vCPUs, and let the\n"
	  "guest poll before it halts (cpuidle_haltpoll).",
	  "APM Vol. 2, \"Advanced Virtual Interrupt Controller\"" },
	{ "AVIC_UNACCELERATED_ACCESS", APIC,
	  "An access to the APIC that AVIC leaves to KVM, such as setting a\n"
	  "timer.",
	  "With AVIC, for each timer that is set.",
	  "Set fewer timers (NO_HZ, a lower CONFIG_HZ).",
	  "APM Vol. 2, \"Advanced Virtual Interrupt Controller\"; Linux,\n"
	  "Documentation/timers/no_hz.rst" },
	{ "GDTR_IDTR LDTR_TR READ_IDTR READ_GDTR READ_LDTR READ_RT READ_TR\n"
	  "WRITE_IDTR WRITE_GDTR WRITE_LDTR WRITE_RT WRITE_TR",
	  DESCRIPTOR,
	  "An access to a descriptor table's register, which KVM intercepts\n"
	  "to emulate UMIP.",
	  "At boot.",
	  "A program uses SGDT, SIDT, SLDT or STR at a high rate, such as\n"
	  "Wine or a protection scheme: find it.",
	  "SDM Vol. 3, \"Descriptor-Table Exiting\"; APM Vol. 2,\n"
	  "\"Instruction Intercepts\"" },
	{ "EPT_VIOLATION NPF", MEMORY,
	  "The guest accesses memory that the host has not mapped for it.\n"
	  "On AMD, the memory of emulated devices counts here as well.",
	  "When memory is used for the first time: one exit for a page of 4\n"
	  "KiB or, with huge pages on the host, for 512 of these pages.",
	  "The host maps memory piece by piece: at first use, after\n"
	  "swapping, ballooning or KSM. Use huge pages on the host,\n"
	  "allocate the VM's memory in advance, and keep the host from\n"
	  "swapping.",
	  "Linux, Documentation/admin-guide/mm/transhuge.rst,\n"
	  "Documentation/admin-guide/mm/hugetlbpage.rst and\n"
	  "Documentation/virt/kvm/x86/mmu.rst" },
	{ "EPT_MISCONFIG", MMIO,
	  "An access to the memory of an emulated device, which KVM marks\n"
	  "in this way.",
	  "For each notification of a virtio device, some microseconds each.",
	  "Use virtio devices with MSI-X, vhost where there is much network\n"
	  "traffic, and a clock that is not a device (kvm-clock or tsc, not\n"
	  "hpet).",
	  "Linux, Documentation/virt/kvm/x86/mmu.rst and\n"
	  "Documentation/driver-api/virtio/virtio.rst" },
	{ "PREEMPTION_TIMER", TIMER,
	  "A timer of the guest expired, which KVM keeps in the VMX\n"
	  "preemption timer.",
	  "As often as the guest's timers expire: up to CONFIG_HZ for each\n"
	  "busy vCPU.",
	  "Set fewer timers: NO_HZ, a lower CONFIG_HZ, programs that poll\n"
	  "less often.",
	  "SDM Vol. 3, \"VMX-Preemption Timer\"; Linux,\n"
	  "Documentation/timers/no_hz.rst" },
	{ "XSETBV XSAVES XRSTORS", OTHER,
	  "An instruction for the extended state of the FPU.",
	  "XSETBV at boot of each CPU; the others never.",
	  "The guest changes its set of FPU features all the time: look for\n"
	  "a nested guest with another XCR0.",
	  "SDM Vol. 3, \"Instructions That Cause VM Exits\n"
	  "Unconditionally\"; APM Vol. 2, \"Instruction Intercepts\"" },
	{ "RDRAND RDSEED", RANDOM,
	  "The guest asks the CPU for random numbers, and the host\n"
	  "intercepts it.",
	  "Never: KVM intercepts it only if the virtual CPU does not have it.",
	  "Give the VM a CPU model with RDRAND and RDSEED, and a virtio-rng\n"
	  "device.",
	  "SDM Vol. 3, \"RDRAND Exiting\"" },
	{ "VMFUNC", OTHER,
	  "A VM function that the host has not enabled.",
	  "Never; nested hypervisors may use it.",
	  "Find the program that uses VMFUNC: it gets an exception each time.",
	  "SDM Vol. 3, \"VM Functions\"" },
	{ "ENCLS ENCLV", OTHER,
	  "An instruction of SGX that KVM intercepts.",
	  "When enclaves are made.",
	  "Enclaves are made and destroyed often: keep them.",
	  "SDM Vol. 3, \"ENCLS Exiting\"; Linux,\n"
	  "Documentation/arch/x86/sgx.rst" },
	{ "PML_FULL", DIRTY,
	  "The CPU's log of pages that the guest wrote is full.",
	  "While the host tracks written memory: during a live migration or\n"
	  "a snapshot.",
	  "The guest is being migrated or saved, or writes memory faster\n"
	  "than the migration can copy it. Wait for its end, or let it\n"
	  "converge (multifd, auto-converge, post-copy).",
	  "SDM Vol. 3, \"Page-Modification Logging\"; Linux,\n"
	  "Documentation/virt/kvm/api.rst, KVM_GET_DIRTY_LOG" },
	{ "UMWAIT TPAUSE", MWAIT,
	  "A program waits by UMWAIT or TPAUSE, and the host intercepts it.",
	  "Never: KVM does not intercept it in a guest that has WAITPKG.",
	  "Offer WAITPKG to the guest (QEMU: -overcommit cpu-pm=on), or let\n"
	  "the program wait in another way.",
	  "SDM Vol. 3, \"UMWAIT and TPAUSE\"; Linux,\n"
	  "Documentation/virt/kvm/api.rst" },
	{ "BUS_LOCK BUSLOCK", BUSLOCK,
	  "An atomic access crossed a cache line or touched uncached\n"
	  "memory, and locked the bus.",
	  "Never, in most guests.",
	  "Find the program with the split lock and align its data. The\n"
	  "host limits the rate of bus locks of this VM\n"
	  "(KVM_CAP_X86_BUS_LOCK_EXIT), which slows the guest down.",
	  "Linux, Documentation/arch/x86/buslock.rst; SDM Vol. 3,\n"
	  "\"Bus-Lock Detection\"; APM Vol. 2, \"Bus Lock Threshold\"" },
	{ "NOTIFY", OTHER,
	  "An instruction of the guest did not end, so the CPU could not\n"
	  "take an interrupt for too long.",
	  "Never.",
	  "Code in the guest blocks the CPU, perhaps as an attack: find the\n"
	  "process that runs then, or raise the VMM's notify window.",
	  "SDM Vol. 3, \"Notify VM Exits\"; Linux,\n"
	  "Documentation/virt/kvm/api.rst, KVM_CAP_X86_NOTIFY_VMEXIT" },
	{ "SEAMCALL TDCALL", ENCRYPTED,
	  "An instruction of TDX: the guest asks for a service of the host,\n"
	  "or tries an instruction that it may not use.",
	  "In TDX guests, in place of the exits that other guests take.",
	  "Each stands for another exit of the guest, such as I/O, an MSR,\n"
	  "CPUID or HLT: look for what the guest does often, and see the\n"
	  "host's counts of the reasons.",
	  "Linux, Documentation/virt/kvm/x86/intel-tdx.rst and\n"
	  "Documentation/arch/x86/tdx.rst" },
	{ "VMGEXIT VMGEXIT_*", ENCRYPTED,
	  "A guest with encrypted registers (SEV-ES, SEV-SNP) asks for a\n"
	  "service of the host.",
	  "In such guests, in place of the exits that other guests take;\n"
	  "page state changes at boot.",
	  "Each stands for another exit of the guest, such as I/O, an MSR,\n"
	  "CPUID or HLT: use virtio, few timers, and accept memory in large\n"
	  "pieces.",
	  "APM Vol. 2, \"Encrypted State (SEV-ES)\"; Linux,\n"
	  "Documentation/arch/x86/amd-memory-encryption.rst" },
	{ "PUSHF POPF SWINT ICEBP FERR_FREEZE RDPRU MCOMMIT TLBSYNC", OTHER,
	  "An instruction or event that KVM seldom intercepts.",
	  "Never; perhaps for nested guests, whose hypervisor intercepts it.",
	  "Look for a hypervisor in this guest that intercepts it, and see\n"
	  "its configuration.",
	  "APM Vol. 2, \"Instruction Intercepts\"" },
};

/* A name in the form of the table above. */
static void canonical(char to[NAME_LEN], const char *name)
{
	size_t i;

	for (i = 0; name[i] && i < NAME_LEN - 1; i++)
		to[i] = isalnum((unsigned char)name[i]) ?
			toupper((unsigned char)name[i]) : '_';
	to[i] = '\0';
}

/* Copy the next name; false after the last one. */
static bool next_name(const char **names, char name[NAME_LEN])
{
	size_t n;

	*names += strspn(*names, "\n ");
	n = strcspn(*names, "\n ");
	if (!n)
		return false;
	snprintf(name, NAME_LEN, "%.*s", (int)n, *names);
	*names += n;
	return true;
}

/**
 * reason_find() - find the explanation of a reason
 * @name: its name with either vendor, in any case
 *
 * Return: the entry, or NULL.
 */
const struct reason *reason_find(const char *name)
{
	char wanted[NAME_LEN], pattern[NAME_LEN];
	const char *names;
	unsigned int i;

	canonical(wanted, name);
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		names = reasons[i].names;
		while (next_name(&names, pattern))
			if (!fnmatch(pattern, wanted, 0))
				return &reasons[i];
	}
	return NULL;
}

/* The number of characters to change, add or remove to turn @a into @b. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_LEN + 1], above, left, i, j;

	for (j = 0; j <= strlen(b); j++)
		row[j] = j;
	for (i = 1; i <= strlen(a); i++) {
		above = row[0];
		row[0] = i;
		for (j = 1; j <= strlen(b); j++) {
			left = row[j];
			row[j] = above + (a[i - 1] != b[j - 1]);
			if (left + 1 < row[j])
				row[j] = left + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			above = left;
		}
	}
	return row[strlen(b)];
}

/* Find the name that is most similar to a wrong one. */
static void suggest(const char *wanted, char best[NAME_LEN])
{
	char candidate[NAME_LEN];
	unsigned int i, d, least = UINT_MAX;
	const char *names;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		names = reasons[i].names;
		while (next_name(&names, candidate)) {
			if (strpbrk(candidate, "*?"))
				continue;
			d = distance(wanted, candidate);
			/* A part of a name is similar to it. */
			if (*wanted && strstr(candidate, wanted))
				d = d / 2;
			if (d < least) {
				least = d;
				strcpy(best, candidate);
			}
		}
	}
}

#define WIDTH	78

/**
 * print_wrapped() - print text in lines that fit a terminal
 * @label: printed before the first line; may be empty
 * @text: the text; a newline in it counts as a space
 */
void print_wrapped(const char *label, const char *text)
{
	size_t indent = strlen(label), column, n;

	fputs(label, stdout);
	column = indent;
	while (*text) {
		n = strcspn(text, "\n ");
		if (column > indent && column + 1 + n > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		fwrite(text, 1, n, stdout);
		column += n;
		text += n;
		text += strspn(text, "\n ");
	}
	putchar('\n');
}

static void list_names(void)
{
	char name[NAME_LEN];
	const char *names;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		names = reasons[i].names;
		while (next_name(&names, name))
			if (!strpbrk(name, "*?"))
				puts(name);
	}
	finish(stdout);
}

int cmd_explain(const struct options *o)
{
	const struct reason *r;
	char name[NAME_LEN], nearest[NAME_LEN];

	if (!o->nr_args) {
		list_names();
		return EXIT_SUCCESS;
	}
	canonical(name, o->args[0]);
	r = reason_find(name);
	if (!r) {
		suggest(name, nearest);
		errx(failed, "%s: no such reason; did you mean %s?", name,
		     nearest);
	}
	puts(name);
	print_wrapped("  what     ", r->what);
	print_wrapped("  normal   ", r->normal);
	print_wrapped("  if many  ", r->much);
	print_wrapped("  source   ", r->source);
	print_wrapped("  names    ", r->names);
	finish(stdout);
	return EXIT_SUCCESS;
}
