# SPDX-License-Identifier: GPL-2.0-only
"""Exit problems from public reports, as tables, with the right advice.

A case has a name, the vendor, the facts about the guest, the rows, and what the
report must contain.  A row has the exits and, for one exit, the microseconds of
handling and of the stop; then, if they are not the usual multiples of it, the
median and the longest stop.  "first" are the reasons of the first remark, "has" are
words of the advice, "without" are words that would mislead.  Counts and times
have the magnitude of the public reports.
"""

HPET = {"guest_clocksource": "hpet"}
LINUX = {"guest_clocksource": "kvm-clock", "guest_apic": "x2apic",
         "guest_nmi_watchdog": "0", "guest_runs_guests": "no",
         "guest_pv_features": "1000efb"}

QUIET = "Exits are not the cause"
MANY = "What in the guest causes them"

CASES = [
    # Ten cases, some in several forms.
    dict(name="a library runs CPUID in a loop", vendor="Intel", rows={
        "CPUID": (240000, 38, 39), "MSR_WRITE": (500000, 1, 1.5),
        "HLT": (160000, 1.5, 4000), "EXTERNAL_INTERRUPT": (100000, 2, 2)},
         first=["CPUID"], has=["find the caller", "cache the result",
                               "always exits"]),
    dict(name="split locks, each stopped for 10 ms: Intel", vendor="Intel",
         rows={"EXCEPTION_NMI": (600, 3, 10200), "MSR_WRITE": (90000, 1, 1.5),
               "EXTERNAL_INTERRUPT": (15000, 2, 2.5), "HLT": (30, 2, 9000)},
         first=["EXCEPTION_NMI"], has=["split lock", "split_lock_mitigate"]),
    dict(name="split locks, each stopped for 10 ms: AMD", vendor="AMD",
         rows={"AC_EXCP": (600, 3, 10200), "MSR": (90000, 1, 1.5),
               "INTERRUPT": (15000, 2, 2.5), "HLT": (30, 2, 9000)},
         first=["AC_EXCP"], has=["split lock", "split_lock_mitigate"]),
    dict(name="HPET as the clock, known: Intel", vendor="Intel", facts=HPET,
         rows={"EPT_MISCONFIG": (4025, 29, 79), "MSR_WRITE": (200, 2, 3),
               "HLT": (50, 2, 9000)},
         first=["EPT_MISCONFIG"], has=["current_clocksource is hpet"],
         without=["vhost", "uge pages"]),
    dict(name="HPET as the clock, known: AMD", vendor="AMD", facts=HPET,
         rows={"NPF": (4025, 19, 72), "MSR": (200, 2, 3),
               "HLT": (50, 2, 9000)},
         first=["NPF"], has=["current_clocksource is hpet"],
         without=["vhost", "uge pages"]),
    dict(name="HPET as the clock, not known: Intel", vendor="Intel",
         rows={"EPT_MISCONFIG": (4025, 29, 79), "MSR_WRITE": (200, 2, 3),
               "HLT": (50, 2, 9000)},
         first=["EPT_MISCONFIG"],
         has=["read the guest's current_clocksource", "hpet"]),
    dict(name="HPET as the clock, not known: AMD", vendor="AMD",
         rows={"NPF": (4025, 19, 72), "MSR": (200, 2, 3),
               "HLT": (50, 2, 9000)},
         first=["NPF"],
         has=["read the guest's current_clocksource", "hpet"],
         without=["uge pages"]),
    dict(name="an idle Windows guest on the RTC or the ACPI PM timer",
         vendor="Intel",
         rows={"IO_INSTRUCTION": (120000, 9, 30), "HLT": (60000, 2, 900),
               "EXTERNAL_INTERRUPT": (3000, 2, 3)},
         first=["IO_INSTRUCTION"], has=["Windows", "hv_stimer", "hv_synic",
                                        "hypervclock"]),
    dict(name="the VMM burns a CPU and the guest is nearly idle",
         verdict="not_the_cause",
         vendor="Intel", seconds=10, rows={
             "HLT": (700, 4, 14000), "MSR_WRITE": (500, 1.5, 2),
             "EXTERNAL_INTERRUPT": (120, 3, 3), "PREEMPTION_TIMER": (100, 3, 3)},
         has=[QUIET, "142 exits a second", "idle Linux guest"],
         without=[MANY, "NO_HZ"]),
    dict(name="the same as a table without a time",
         verdict="little_so_far", vendor="Intel", rows={
        "HLT": (700, 4, 14000), "MSR_WRITE": (500, 1.5, 2),
        "EXTERNAL_INTERRUPT": (120, 3, 3), "PREEMPTION_TIMER": (100, 3, 3)},
         has=["Over all the time", "At most 145 exits a second", "report -I"],
         without=[QUIET, MANY, "NO_HZ"], remarks=0),
    # A desktop in a VM, from a question of a user of Genode.
    dict(name="400,000 exits: normal or excessive?", vendor="Intel",
         columns=2, rows={
             "INTERRUPT_WINDOW": (49207, 1, 1), "CPUID": (5112, 1, 1),
             "HLT": (33189, 2, 2), "VMCALL": (4, 1, 1), "DR_ACCESS": (6, 1, 1),
             "IO_INSTRUCTION": (22845, 9, 9), "MSR_READ": (20, 1, 1),
             "MSR_WRITE": (16, 1, 1), "EPT_VIOLATION": (245629, 3, 3)},
         first=["EPT_VIOLATION"],
         has=["Is that much?", "the rate decides", "idle Linux guest",
              "a busy one", "report -I", "APICv"]),
    dict(name="400,000 exits in 20 seconds",
         verdict="much", vendor="Intel", seconds=20, rows={
        "INTERRUPT_WINDOW": (49207, 1, 1.2), "HLT": (33189, 2, 500),
        "IO_INSTRUCTION": (22845, 9, 20), "EPT_VIOLATION": (245629, 3, 3.3)},
         has=["exits a second for each vCPU", "idle Linux guest"]),
    dict(name="perf in the guest with a virtual PMU", vendor="Intel", rows={
        "MSR_WRITE": (400000, 2, 2.5), "RDPMC": (90000, 1, 1.4),
        "EXCEPTION_NMI": (50000, 4, 5), "EXTERNAL_INTERRUPT": (20000, 2, 2)},
         first=["MSR_WRITE", "RDPMC", "EXCEPTION_NMI"],
         has=["sampling rate", "NMI watchdog"], without=["PV IPI"]),
    dict(name="perf in the guest with a virtual PMU, AMD", vendor="AMD",
         facts={**LINUX, "guest_nmi_watchdog": "1"}, rows={
             "MSR": (400000, 2, 2.5), "RDPMC": (90000, 1, 1.4),
             "NMI": (50000, 4, 5), "IRET": (30000, 1, 1)},
         has=["sampling rate", "The NMI watchdog of this guest is on."],
         without=["PV IPI"]),
    dict(name="a dedicated CPU disturbed by its host", vendor="Intel", rows={
        "EXTERNAL_INTERRUPT": (90000, 4, 9), "EPT_VIOLATION": (300, 3, 3),
        "MSR_WRITE": (200, 1, 1)},
         first=["EXTERNAL_INTERRUPT"], has=["housekeeping", "posted"],
         without=["lower CONFIG_HZ"]),
    dict(name="a guest that runs guests: Intel", vendor="Intel",
         facts={**LINUX, "guest_runs_guests": "yes"}, rows={
             "VMREAD": (900000, 1, 1.3), "VMWRITE": (300000, 1, 1.3),
             "VMRESUME": (100000, 9, 11), "CPUID": (40000, 2, 3),
             "EPT_VIOLATION": (20000, 4, 5)},
         first=["VMREAD", "VMWRITE", "VMRESUME"],
         has=["shadow VMCS", "A VM runs in this guest now"]),
    dict(name="a guest that runs guests: AMD", vendor="AMD", rows={
        "VMRUN": (100000, 9, 11), "VMLOAD": (100000, 1, 2),
        "VMSAVE": (100000, 1, 2), "STGI": (100000, 2, 2),
        "CLGI": (100000, 1, 2), "MSR": (30000, 1, 2)},
         has=["vgif=1", "kvm_amd/refcnt"]),
    dict(name="tickless idle: timers and IPIs in step", vendor="Intel",
         facts={**LINUX, "guest_pv_features": "1000001"}, rows={
             "PREEMPTION_TIMER": (200000, 2, 3), "MSR_WRITE": (420000, 1, 1.6),
             "EXTERNAL_INTERRUPT": (210000, 2, 2.4), "HLT": (190000, 2, 700)},
         first=["MSR_WRITE", "EXTERNAL_INTERRUPT", "PREEMPTION_TIMER"],
         has=["Timers and IPIs", "APICv", "kvm-exits who -f MSR",
              "does not offer PV IPI"], remarks=1),
    # More cases, from public knowledge.
    dict(name="HPET on a host without the second clock: Intel", vendor="Intel",
         columns=2, rows={"EPT_MISCONFIG": (4025, 29, 79),
                          "MSR_WRITE": (900, 2, 2)},
         first=["EPT_MISCONFIG"],
         has=["read the guest's current_clocksource", "virtio"]),
    dict(name="HPET on a host without the second clock: AMD", vendor="AMD",
         columns=2, rows={"NPF": (4025, 19, 72), "MSR": (900, 2, 2)},
         first=["NPF"],
         has=["read the guest's current_clocksource", "huge pages"]),
    dict(name="an overcommitted host preempts the vCPUs", vendor="Intel",
         rows={"EXTERNAL_INTERRUPT": (9000, 5, 6000), "MSR_WRITE":
               (30000, 1, 1.5), "PREEMPTION_TIMER": (9000, 2, 3)},
         first=["EXTERNAL_INTERRUPT"], has=["other tasks of the host",
                                            "steal time"],
         without=["housekeeping"]),
    dict(name="a busy guest in which nothing is wrong", vendor="Intel",
         seconds=10, rows={
             "MSR_WRITE": (20000, 1, 1.3), "EXTERNAL_INTERRUPT": (9000, 2, 2),
             "HLT": (9000, 2, 900), "EPT_MISCONFIG": (2000, 3, 3.3)},
         has=[QUIET, "4000 exits a second"], without=[MANY]),
    dict(name="emulated network card e1000", vendor="Intel", facts=LINUX,
         rows={"EPT_MISCONFIG": (300000, 9, 35), "MSR_WRITE": (90000, 1, 1.5),
               "EXTERNAL_INTERRUPT": (40000, 2, 2)},
         first=["EPT_MISCONFIG"],
         has=["virtio", "e1000", "current_clocksource is not hpet"]),
    dict(name="notifications of virtio, handled in KVM", vendor="Intel",
         facts=LINUX, rows={"EPT_MISCONFIG": (300000, 3, 3.4),
                            "MSR_WRITE": (100000, 1, 1.3),
                            "EXTERNAL_INTERRUPT": (40000, 2, 2)},
         first=["EPT_MISCONFIG"], has=["vhost", "ioeventfd"]),
    dict(name="first use of much memory", vendor="Intel", rows={
        "EPT_VIOLATION": (900000, 4, 4.6), "MSR_WRITE": (40000, 1, 1.3),
        "EXTERNAL_INTERRUPT": (12000, 2, 2)},
         first=["EPT_VIOLATION"], has=["uge pages", "512 pages"],
         without=["swap,", "hpet"]),
    dict(name="first use of much memory: AMD", vendor="AMD", rows={
        "NPF": (900000, 4, 4.6), "MSR": (40000, 1, 1.3),
        "INTERRUPT": (12000, 2, 2)},
         first=["NPF"], has=["uge pages", "512 pages"], without=["hv_time"]),
    dict(name="the host swaps the guest out", vendor="Intel", rows={
        "EPT_VIOLATION": (20000, 900, 1000), "MSR_WRITE": (40000, 1, 1.3),
        "HLT": (3000, 2, 200)},
         first=["EPT_VIOLATION"], has=["swap", "free memory"]),
    dict(name="a spinning guest on an overcommitted host", vendor="Intel",
         rows={"PAUSE_INSTRUCTION": (4966918, 0.3, 8), "HLT": (182, 9, 160000),
               "MSR_WRITE": (10728, 1, 1), "IO_INSTRUCTION": (1561, 3, 4),
               "EXTERNAL_INTERRUPT": (16668, 1, 2)},
         first=["PAUSE_INSTRUCTION"], has=["no more vCPUs than", "PV_UNHALT",
                                           "teal time"]),
    dict(name="a spinning guest on an overcommitted host: AMD", vendor="AMD",
         rows={"PAUSE": (900000, 2, 90), "MSR": (10728, 1, 1)},
         first=["PAUSE"], has=["no more vCPUs than"]),
    dict(name="ping-pong over the network: short sleep", vendor="Intel",
         facts=LINUX, rows={
             "HLT": (500000, 3, 22), "MSR_WRITE": (90000, 1, 1.5),
             "EXTERNAL_INTERRUPT": (30000, 2, 2)},
         has=["cpuidle_haltpoll", "halt_poll_ns", "short times"]),
    dict(name="long sleep is no problem", vendor="Intel", facts=LINUX,
         seconds=100, rows={
             "HLT": (60000, 3, 5000), "MSR_WRITE": (9000, 1, 1.5),
             "EPT_VIOLATION": (400000, 15, 18)},
         first=["EPT_VIOLATION"], has=["uge pages"],
         without=["haltpoll", "halt_poll_ns"]),
    dict(name="a flood on the serial console", vendor="AMD", facts=LINUX,
         rows={"IO": (800000, 4, 17), "MSR": (9000, 1, 1.5)},
         first=["IO"], has=["serial console", "virtio"],
         without=["Windows"]),
    dict(name="ACPI PM timer as the clock, known", vendor="Intel",
         facts={**LINUX, "guest_clocksource": "acpi_pm"},
         rows={"IO_INSTRUCTION": (800000, 4, 17), "MSR_WRITE": (9000, 1, 1.5)},
         first=["IO_INSTRUCTION"], has=["current_clocksource is acpi_pm"],
         without=["Windows", "serial console"]),
    # From the example of bcc's kvmexit.
    dict(name="boot of a small guest", vendor="Intel", columns=2, rows={
        "EXTERNAL_INTERRUPT": (728, 2, 2), "CPUID": (196, 2, 2),
        "HLT": (1447, 2, 2), "VMCALL": (424, 2, 2), "CR_ACCESS": (11, 2, 2),
        "DR_ACCESS": (1, 2, 2), "IO_INSTRUCTION": (19642, 8, 8),
        "MSR_READ": (92, 2, 2), "MSR_WRITE": (1989, 2, 2)},
         first=["IO_INSTRUCTION"], has=["serial console", "the rate decides"]),
    dict(name="a live migration begins", vendor="Intel", rows={
        "PML_FULL": (9000, 30, 40), "EPT_VIOLATION": (4000, 4, 5),
        "MSR_WRITE": (6000, 1, 1.5)},
         first=["PML_FULL"], has=["migrated or saved"]),
    dict(name="the TSC is intercepted after a migration", vendor="AMD",
         rows={"RDTSC": (5000000, 1, 1.2), "MSR": (9000, 1, 1.5)},
         first=["RDTSC"], has=["TSC scaling"]),
    dict(name="a GPU's driver flushes caches", vendor="Intel",
         rows={"WBINVD": (3000, 900, 1000), "MSR_WRITE": (9000, 1, 1.5)},
         first=["WBINVD"], has=["passed through"]),
    dict(name="a guest without nested paging", vendor="Intel", rows={
        "CR_ACCESS": (900000, 2, 2.3), "INVLPG": (300000, 2, 2.2),
        "EXCEPTION_NMI": (900000, 3, 3.3)},
         first=["CR_ACCESS", "EXCEPTION_NMI", "INVLPG"],
         has=["nested paging", "kvm_intel.ept=1"], remarks=1),
    dict(name="bus locks are limited", vendor="Intel",
         rows={"BUS_LOCK": (9000, 2, 1000), "MSR_WRITE": (9000, 1, 1.5)},
         first=["BUS_LOCK"], has=["split lock", "align its data"]),
    dict(name="xAPIC without x2APIC", vendor="Intel",
         facts={**LINUX, "guest_apic": "xapic"},
         rows={"APIC_ACCESS": (900000, 2, 2.4), "EXTERNAL_INTERRUPT":
               (300000, 2, 2), "EOI_INDUCED": (90000, 1, 1)},
         first=["APIC_ACCESS", "EXTERNAL_INTERRUPT", "EOI_INDUCED"],
         has=["uses xAPIC", "x2APIC"]),
    dict(name="xAPIC, as its exits show", vendor="Intel",
         rows={"APIC_ACCESS": (900000, 2, 2.4), "HLT": (9000, 2, 9000)},
         first=["APIC_ACCESS"], has=["uses xAPIC", "let the host virtualise"],
         without=["read whether it uses x2APIC"]),
    dict(name="xAPIC at boot alone", vendor="Intel", rows={
        "MSR_WRITE": (900000, 2, 2.4), "APIC_ACCESS": (11, 2, 2.4),
        "HLT": (9000, 2, 9000)},
         first=["MSR_WRITE"], has=["read whether it uses x2APIC"],
         without=["This guest uses xAPIC"]),
    dict(name="IPIs with APICv", vendor="Intel", facts=LINUX,
         rows={"APIC_WRITE": (900000, 2, 2.4), "EXTERNAL_INTERRUPT":
               (90000, 2, 2), "HLT": (500000, 2, 1000)},
         first=["APIC_WRITE", "EXTERNAL_INTERRUPT"],
         has=["virtualises the APIC already", "enable_ipiv"],
         without=["let the host virtualise"]),
    dict(name="wake-ups with AVIC", vendor="AMD", facts=LINUX,
         rows={"AVIC_INCOMPLETE_IPI": (800000, 3, 3.5), "HLT":
               (700000, 3, 40), "INTERRUPT": (60000, 2, 2)},
         first=["HLT"],
         has=["virtualises the APIC already", "cpuidle_haltpoll",
              "AVIC_INCOMPLETE_IPI, INTERRUPT:"],
         without=["let the host virtualise"]),
    dict(name="monitoring reads MSRs", vendor="Intel",
         rows={"MSR_READ": (900000, 2, 2.4), "MSR_WRITE": (9000, 1, 1.5)},
         first=["MSR_READ"], has=["turbostat"]),
    dict(name="a TDX guest", vendor="Intel",
         rows={"TDCALL": (900000, 4, 6), "EXTERNAL_INTERRUPT": (9000, 2, 2)},
         first=["TDCALL"], has=["Each stands for another exit"]),
    dict(name="an encrypted guest", vendor="AMD",
         rows={"VMGEXIT": (900000, 4, 6), "INTERRUPT": (9000, 2, 2)},
         first=["VMGEXIT"], has=["Each stands for another exit"]),
    dict(name="a debugger's breakpoints", vendor="AMD",
         rows={"WRITE_DR7": (90000, 2, 3), "DB_EXCP": (90000, 2, 3)},
         has=["debugger"]),
    dict(name="SGDT by a protection scheme", vendor="Intel",
         rows={"GDTR_IDTR": (900000, 2, 3), "MSR_WRITE": (9000, 1, 1.5)},
         first=["GDTR_IDTR"], has=["UMIP"]),
    dict(name="AMD's newer halt sleeps as well", vendor="AMD", seconds=100,
         rows={"IDLE-HALT": (9000, 3, 11000), "MSR": (9000, 1, 1.5)},
         has=[QUIET], without=[MANY]),
    # The storm of one vCPU, and others that a mean hides.
    dict(name="one vCPU of 96 reads the HPET",
         verdict="one_vcpu", vendor="Intel", seconds=10,
         facts={**LINUX, **HPET, "guest_cpus": "96"}, rows={
             "EPT_MISCONFIG": (90000, 29, 79), "MSR_WRITE": (9600, 1, 1.4),
             "HLT": (9600, 2, 90000)},
         first=["EPT_MISCONFIG"],
         has=["mean of 96 vCPUs", "it loses 71.4 % of its time",
              "up to 71.1 % of one vCPU's", "current_clocksource is hpet",
              "does not clear the exits"],
         without=[QUIET, "NO_HZ"], remarks=1),
    dict(name="the same since the counts began", vendor="Intel",
         facts={**LINUX, **HPET, "guest_cpus": "96"}, rows={
             "EPT_MISCONFIG": (90000, 29, 79), "MSR_WRITE": (9600, 1, 1.4),
             "HLT": (9600, 2, 90000)},
         first=["EPT_MISCONFIG"],
         has=["mean of 96 vCPUs", "current_clocksource is hpet"],
         without=[QUIET], remarks=1),
    dict(name="the same on a host, which does not know the number",
         vendor="Intel", verdict="one_vcpu", seconds=10, rows={
             "EPT_MISCONFIG": (90000, 29, 79), "MSR_WRITE": (9600, 1, 1.4),
             "HLT": (9600, 2, 90000)},
         first=["EPT_MISCONFIG"],
         has=["number of vCPUs is not in this table",
              "If one vCPU takes all exits, it loses 71.4 % of its time",
              "up to 71.1 % of one vCPU's"], without=[QUIET]),
    dict(name="neither time nor sleep says how long it was", vendor="Intel",
         verdict="unknown", facts={"guest_cpus": "4"}, rows={
             "IO_INSTRUCTION": (90000, 9, 35), "MSR_WRITE": (9600, 1, 1.4)},
         first=["IO_INSTRUCTION"], has=["the rate decides"],
         without=["If one vCPU takes", "0.0 %"]),
    dict(name="nothing, even if one vCPU of eight takes it all",
         vendor="AMD", seconds=10, facts={**LINUX, "guest_cpus": "8"}, rows={
             "MSR": (9000, 1, 1.3), "INTERRUPT": (3000, 2, 2),
             "HLT": (9000, 2, 8000)},
         has=[QUIET, "mean of 8 vCPUs"], without=[MANY], remarks=0),
    dict(name="four vCPUs of 64 spin on an overcommitted host",
         vendor="AMD", seconds=10, facts={**LINUX, "guest_cpus": "64"}, rows={
             "PAUSE": (40000, 2, 900), "HLT": (64000, 2, 9000)},
         first=["PAUSE"], has=["the equivalent of 3.6 of them"]),
    dict(name="one program sets timers in an idle guest", vendor="Intel",
         seconds=1.1, facts={"guest_clocksource": "tsc", "guest_cpus": "12",
                             "guest_apic": "x2apic"}, rows={
             "EXTERNAL_INTERRUPT": (7700, 2, 2.4), "MSR_WRITE":
             (7700, 1.5, 1.8), "HLT": (1600, 4, 150)},
         first=["EXTERNAL_INTERRUPT", "MSR_WRITE"],
         has=["7000 such writes and 7000 expiries", "one every 143 us",
              "hrtimer_start", "does not clear the exits"], without=[QUIET]),
    # Latency.
    dict(name="huge pages are split again and again",
         verdict="long_stops", vendor="Intel",
         seconds=60, facts={**LINUX, "guest_cpus": "4"}, rows={
             "EPT_VIOLATION": (900, 60, 80), "EXTERNAL_INTERRUPT":
             (300, 2, 3), "MSR_WRITE": (60, 1, 1.5)},
         has=["Longest stops", "nx_huge_pages=off", "320.00us",
              "some stop a vCPU for long"], without=[QUIET, MANY], remarks=0),
    dict(name="the host runs something else at times", vendor="AMD",
         seconds=60, facts=LINUX, rows={
             "MSR": (900, 2, 400), "INTERRUPT": (300, 2, 3)},
         has=["Longest stops", "the host ran something else", "isolcpus"],
         without=[QUIET, "nx_huge_pages"], remarks=0),
    dict(name="ping-pong over the network, below all limits",
         verdict="wake_ups", vendor="Intel",
         seconds=10, facts=LINUX, rows={
             "HLT": (9000, 2, 120), "MSR_WRITE": (18000, 1, 1.3)},
         first=["HLT"], has=["its vCPUs are woken often", "cpuidle_haltpoll",
                             "900 wake-ups a second", "0.5 to 4.5 %"],
         without=[QUIET, MANY], remarks=1),
    dict(name="ping-pong on many vCPUs", vendor="Intel", seconds=10,
         verdict="one_vcpu", facts={**LINUX, "guest_cpus": "32"}, rows={
             "HLT": (300000, 2.5, 90), "MSR_WRITE": (600000, 1, 1.3)},
         first=["HLT"], has=["938 wake-ups a second", "costs 2.11 % of the "
                             "vCPUs' time, with wake-ups as estimated cause"]),
    dict(name="ping-pong over the network, with many interrupts",
         vendor="Intel", seconds=10, facts=LINUX, rows={
             "HLT": (20000, 3, 120), "MSR_WRITE": (40000, 1.2, 1.5),
             "EXTERNAL_INTERRUPT": (20000, 2, 2.4)},
         first=["HLT"], has=["cpuidle_haltpoll", "costs 4.60 %"]),
    dict(name="few exits on a host without the second clock", vendor="AMD",
         verdict="little_in_kvm", seconds=10, columns=2, facts=LINUX, rows={
             "NPF": (9000, 4, 9), "MSR": (3000, 1, 2)},
         has=["ten times as long as KVM shows"], without=[QUIET, MANY]),
    # Windows.
    dict(name="Windows polls the RTC", vendor="Intel", seconds=1,
         facts={"guest_cpus": "2"}, rows={
             "IO_INSTRUCTION": (55000, 5, 13.6), "MSR_READ": (7000, 1.9, 1.9),
             "MSR_WRITE": (3800, 2.9, 2.9), "HLT": (2900, 1.7, 340),
             "TPR_BELOW_THRESHOLD": (80, 2.9, 2.9)},
         first=["IO_INSTRUCTION"],
         has=["looks like a Windows guest (TPR_BELOW_THRESHOLD)", "hv_stimer",
              "present='yes'", "hypervclock"],
         without=[MANY, "A Linux guest may"]),
    dict(name="a firmware takes a few exits that Windows takes", vendor="Intel",
         seconds=10, rows={
             "IO_INSTRUCTION": (55000, 5, 13.6), "TPR_BELOW_THRESHOLD":
             (2, 2.9, 2.9)},
         first=["IO_INSTRUCTION"], has=["A Linux guest may", MANY],
         without=["looks like a Windows guest"]),
    dict(name="the same with one clock, as perf has it", vendor="Intel",
         seconds=1, facts={"guest_cpus": "2"}, rows={
             "IO_INSTRUCTION": (55000, 13.6, 13.6), "MSR_READ":
             (7000, 1.9, 1.9), "HLT": (2900, 340, 340)},
         first=["IO_INSTRUCTION"], remarks=1,
         has=["A device that the VMM emulates", "hv_stimer",
              "stop it for 38.06 % of its time"], without=["of KVM's time"]),
    dict(name="IPIs of Windows without APICv", vendor="Intel", seconds=5,
         facts={"guest_cpus": "4"}, rows={
             "EXTERNAL_INTERRUPT": (470000, 2.3, 2.3), "MSR_WRITE":
             (239000, 1.6, 1.6), "HLT": (12000, 1.5, 900), "VMCALL":
             (20000, 3.5, 4), "DR_ACCESS": (45000, 0.9, 0.9)},
         first=["EXTERNAL_INTERRUPT", "MSR_WRITE", "VMCALL"],
         has=["looks like a Windows guest", "hv_apicv", "AutoEOI", "kick",
              "<avic state='on'/>", "reschedule_entry",
              "kvm_apicv_inhibit_changed", "kvm_hv_stimer"],
         without=[MANY, "NO_HZ", "PV IPI"]),
    dict(name="Windows ends interrupts by Hyper-V's MSRs: AMD", vendor="AMD",
         seconds=5, facts={"guest_cpus": "4"}, rows={
             "MSR": (920000, 1.3, 1.3), "INTERRUPT": (30000, 3, 3),
             "VMMCALL": (18000, 4, 4), "WRITE_DR7": (45000, 0.8, 0.8),
             "HLT": (11000, 1.5, 600)},
         has=["looks like a Windows guest", "hv_avic", "0x40000070"],
         without=[MANY, "NO_HZ"]),
    dict(name="Windows with VBS is a hypervisor", vendor="Intel", rows={
        "VMREAD": (900000, 1, 1.3), "VMRESUME": (100000, 9, 11),
        "DR_ACCESS": (40000, 1, 1), "VMCALL": (9000, 3, 3)},
         has=["VBS", "hv_evmcs", "msinfo32"]),
    # Which kind of memory page the exits are about.
    dict(name="notifications of virtio on AMD, handled in KVM", vendor="AMD",
         seconds=10, facts={**LINUX, "guest_cpus": "2"}, rows={
             "NPF": (300000, 2, 2.3), "MSR": (100000, 1, 1.3),
             "INTERRUPT": (40000, 2, 2.3)},
         first=["NPF"], has=["notifications of virtio", "ioeventfd",
                             "they would be 1.1 GiB"],
         without=["512 pages", "not the greater part"]),
    dict(name="xAPIC on AMD", vendor="AMD", seconds=10,
         facts={**LINUX, "guest_apic": "xapic"}, rows={
             "NPF": (300000, 4, 4.6), "INTERRUPT": (40000, 2, 2.3)},
         first=["NPF"], has=["uses xAPIC and not x2APIC"],
         without=["512 pages"]),
    dict(name="a firmware writes its variables", vendor="Intel", seconds=12,
         rows={"EPT_VIOLATION": (200000, 3, 21), "MSR_WRITE": (2000, 1, 1.3),
               "IO_INSTRUCTION": (9000, 4, 15)},
         first=["EPT_VIOLATION"], has=["The VMM does most of this work",
                                       "OVMF", "userfaultfd"],
         without=["512 pages"]),
    # What inhibits APICv and AVIC.
    dict(name="AVIC that the PIT inhibits", vendor="AMD", seconds=2,
         facts={**LINUX, "guest_cpus": "2"}, rows={
             "MSR": (60000, 1.2, 1.4), "INTERRUPT": (30000, 2, 2.3),
             "VINTR": (9000, 0.9, 1), "HLT": (8000, 2, 700),
             "NPF": (4000, 3, 3.4)},
         first=["MSR", "INTERRUPT", "VINTR"],
         has=["lost_tick_policy=discard", "KVM_REINJECT_CONTROL",
              "kvm_apicv_inhibit_changed"]),
    dict(name="level-triggered interrupts of a TDX guest", vendor="Intel",
         seconds=10, facts={"guest_cpus": "2"}, rows={
             "EOI_INDUCED": (400000, 2, 2.4), "TDCALL": (90000, 3, 4),
             "EXTERNAL_INTERRUPT": (20000, 2, 2)},
         first=["EOI_INDUCED"], has=["MSI-X", "For TDX the APIC is virtualised"],
         without=["Let the host virtualise the APIC", MANY]),
    # Rows that contradict a cause.
    dict(name="a timer that is due all the time", vendor="Intel", seconds=2,
         rows={"PREEMPTION_TIMER": (60000, 1.5, 1.8), "MSR_WRITE":
               (200, 1, 1.3), "MONITOR_TRAP_FLAG": (3, 9, 90)},
         first=["PREEMPTION_TIMER"],
         has=["60000 expiries, 200 writes", "steps through the guest"],
         without=["NO_HZ"]),
    dict(name="a periodic timer is none of these", vendor="Intel", seconds=10,
         rows={"PREEMPTION_TIMER": (10000, 9, 12), "MSR_WRITE": (200, 1, 1.3)},
         first=["PREEMPTION_TIMER"], has=["Set fewer timers"],
         without=["stays due"]),
    dict(name="split locks without the delay: Intel", vendor="Intel",
         seconds=4, facts={"guest_cpus": "4"}, rows={
             "EXCEPTION_NMI": (160000, 4, 11), "EXTERNAL_INTERRUPT":
             (40000, 2, 2.4), "MSR_WRITE": (30000, 1, 1.3)},
         first=["EXCEPTION_NMI"],
         has=["split_lock_detect=off", "#AC", "intr_info"],
         without=["sampling rate", "10 ms or more"]),
    dict(name="split locks without the delay: AMD", vendor="AMD", seconds=4,
         rows={"AC_EXCP": (160000, 4, 11), "MSR": (30000, 1, 1.3)},
         first=["AC_EXCP"], has=["only split_lock_detect=off ends these"],
         without=["sampling rate", "10 ms or more"]),
    dict(name="nested paging is on, whatever CR3 does", vendor="Intel",
         rows={"CR_ACCESS": (300000, 2, 2.3), "EXCEPTION_NMI":
               (300000, 3, 3.3), "EPT_VIOLATION": (300000, 4, 4.4)},
         without=["no nested paging for this guest"]),
    # Encrypted guests, and clocks.
    dict(name="each request of a disk notifies, SNP", vendor="AMD", seconds=44,
         facts={"guest_cpus": "4"}, rows={
             "VMGEXIT": (4400000, 3, 4.5), "INTERRUPT": (60000, 2, 2.4),
             "NPF": (3000, 9, 12)},
         first=["VMGEXIT"],
         has=["often one for each request", "event_idx", "io_uring",
              "funccount vp_notify", "AVIC is off for encrypted guests",
              "KVM_FEATURE_PV_EOI"],
         without=[MANY]),
    dict(name="the TSC was marked unstable", vendor="Intel", seconds=10,
         facts={**HPET, "guest_cpus": "2"}, rows={
             "EPT_MISCONFIG": (60000, 29, 79), "MSR_WRITE": (9600, 1, 1.4)},
         first=["EPT_MISCONFIG"],
         has=["tsc=nowatchdog", "needs CONFIG_KVM_GUEST"]),
    dict(name="the host does not offer kvm-clock", vendor="Intel", seconds=10,
         facts={**HPET, "guest_pv_features": "1000"}, rows={
             "EPT_MISCONFIG": (60000, 29, 79), "MSR_WRITE": (9600, 1, 1.4)},
         has=["does not offer kvm-clock"]),
    dict(name="interrupts of the host, by their vector", vendor="Intel",
         seconds=107, facts={**LINUX, "guest_cpus": "1"}, rows={
             "MSR_WRITE": (1900000, 1, 1.2), "HLT": (1300000, 2, 60),
             "EPT_MISCONFIG": (120000, 3, 4), "EXTERNAL_INTERRUPT":
             (35000, 2, 2.5)},
         has=["What on the host causes EXTERNAL_INTERRUPT",
              "irq_vectors:*_entry", "last two digits of intr_info"]),
    dict(name="many exits that cost nothing", vendor="Intel", seconds=10,
         facts=LINUX, rows={
             "CPUID": (10000, 0.5, 0.6), "IO_INSTRUCTION": (60000, 9, 35)},
         first=["IO_INSTRUCTION"], remarks=1),
    # What a mean of many vCPUs, or of a long time, hides.
    dict(name="ping-pong on one of 32 vCPUs, the others are idle",
         verdict="wake_ups", vendor="Intel", seconds=10,
         facts={**LINUX, "guest_cpus": "32"}, rows={
             "HLT": (9310, 2.5, 32000, 120), "MSR_WRITE": (18000, 1, 1.3)},
         first=["HLT"], has=["If one vCPU takes all, 931 a second",
                             "cpuidle_haltpoll"], without=[QUIET, MANY]),
    dict(name="ping-pong on one of 32 vCPUs, with many exits",
         verdict="one_vcpu", vendor="AMD", seconds=10,
         facts={**LINUX, "guest_cpus": "32"}, rows={
             "HLT": (20300, 2.5, 15000, 120), "MSR": (40000, 1, 1.3),
             "INTERRUPT": (20000, 2, 2.4)},
         first=["HLT"], has=["If one vCPU takes all, 2030 a second",
                             "cpuidle_haltpoll"], without=[QUIET]),
    dict(name="a storm of 20 seconds in an hour", vendor="Intel",
         verdict="little_so_far", seconds=3600,
         facts={**LINUX, "guest_cpus": "1"}, rows={
             "EPT_MISCONFIG": (250000, 29, 79), "MSR_WRITE": (90000, 1, 1.4),
             "HLT": (360000, 2, 9000)},
         has=["Over so long a time", "A storm of some seconds", "report -I"],
         without=[QUIET, "too little time in all", "the VMM is late"],
         remarks=0),
    dict(name="the HPET as the clock over a long time", vendor="AMD",
         verdict="little_so_far", facts={**LINUX, **HPET, "guest_cpus": "1"},
         rows={"NPF": (2500, 29, 79), "HLT": (36000, 2, 9000)},
         first=["NPF"], has=["current_clocksource is hpet"], remarks=1),
    dict(name="counts without times, of one vCPU of 96", vendor="Intel",
         verdict="one_vcpu", seconds=10, columns=1,
         facts={"guest_cpus": "96"}, rows={
             "IO_INSTRUCTION": (300000, 0, 0), "HLT": (9000, 0, 0)},
         first=["IO_INSTRUCTION"],
         has=["In all they are 30900 a second"], without=["So few exits"]),
    dict(name="few counts without times", vendor="Intel", verdict="few",
         seconds=10, columns=1, facts={"guest_cpus": "96"}, rows={
             "IO_INSTRUCTION": (3000, 0, 0), "HLT": (9000, 0, 0)},
         has=["In all they are 1200 a second", "So few exits"], remarks=0),
    dict(name="cyclictest sees 40 ms beside harmless timers", vendor="Intel",
         seconds=10, facts={**LINUX, "guest_cpus": "2"}, rows={
             "EXTERNAL_INTERRUPT": (3000, 3, 30, 4, 40000), "MSR_WRITE":
             (20000, 1, 1.3), "HLT": (10000, 2, 900)},
         has=["Longest stops", "40.00ms", "the host ran something else"],
         without=[QUIET]),
    dict(name="the tick of a host disturbs a real-time guest", vendor="Intel",
         verdict="long_stops", seconds=10, facts={**LINUX, "guest_cpus": "1"},
         rows={"EXTERNAL_INTERRUPT": (10000, 3, 5, 5, 180)},
         has=["Longest stops", "nohz_full",
              "What on the host causes EXTERNAL_INTERRUPT"],
         without=[QUIET, MANY], remarks=0),
    # The rows contradict a cause, again.
    dict(name="an overcommitted host, of which a quarter of the stops tells",
         vendor="AMD", seconds=10, facts={**LINUX, "guest_cpus": "16"}, rows={
             "PAUSE": (300000, 3, 60), "INTERRUPT": (40000, 3, 900),
             "MSR": (90000, 1, 1.3), "HLT": (20000, 2, 600)},
         first=["INTERRUPT"], has=["other tasks of the host run on its CPU"]),
    dict(name="instructions are emulated beside timers", vendor="Intel",
         seconds=10, facts={**LINUX, "guest_cpus": "4"}, rows={
             "EXCEPTION_NMI": (60000, 2, 2.4), "MSR_WRITE": (160000, 1, 1.3),
             "EXTERNAL_INTERRUPT": (80000, 2, 2.3)},
         first=["MSR_WRITE", "EXTERNAL_INTERRUPT"],
         has=["They are not a virtual PMU's NMIs", "#UD"],
         without=["sampling rate"]),
    dict(name="a debugger in the guest steps: Intel", vendor="Intel",
         seconds=10, rows={
             "EXCEPTION_NMI": (400000, 1.5, 1.8), "MSR_WRITE": (900, 1, 1.3)},
         first=["EXCEPTION_NMI"], has=["debugger or tracer in the guest",
                                       "01 or 03 is a debugger"]),
    dict(name="a debugger in the guest steps: AMD", vendor="AMD", seconds=10,
         rows={"DB_EXCP": (400000, 1.5, 1.8), "MSR": (900, 1, 1.3)},
         first=["DB_EXCP"], has=["KVM handles each itself",
                                 "debugger or tracer in the guest"]),
    dict(name="the debugger of the VMM steps: Intel", vendor="Intel",
         seconds=5, rows={
             "EXCEPTION_NMI": (30000, 3, 120), "MSR_WRITE": (600, 1, 1.3)},
         first=["EXCEPTION_NMI"], has=["gdbstub", "the VMM takes part"],
         without=["some microseconds"]),
    dict(name="the debugger of the VMM steps: AMD", vendor="AMD", seconds=5,
         rows={"DB_EXCP": (30000, 3, 120), "MSR": (600, 1, 1.3)},
         first=["DB_EXCP"], has=["gdbstub", "The VMM takes part in each"]),
    dict(name="a stuck guest runs no tools", vendor="Intel", seconds=2, rows={
        "PREEMPTION_TIMER": (60000, 1.5, 1.8), "MONITOR_TRAP_FLAG": (3, 9, 90),
        "EPT_VIOLATION": (40, 20, 200)},
         first=["PREEMPTION_TIMER"], has=["a tool of the host"],
         without=[MANY]),
    dict(name="a program sets timers where the APIC is virtual",
         vendor="Intel", seconds=1.1, facts={
             "guest_clocksource": "tsc", "guest_cpus": "1"}, rows={
                 "EXTERNAL_INTERRUPT": (7700, 2, 2.4), "MSR_WRITE":
                 (7700, 1.5, 1.8)},
         has=["remedy In the guest, perf record -e timer:hrtimer_start",
              "Let the host offer PV IPI"],
         without=["does not offer PV IPI", "PV EOI is not offered"]),
    dict(name="halts of which the guest knows no reason", vendor="AMD",
         seconds=1.2, rows={
             "HLT": (40833, 0.5, 29), "INTERRUPT": (76, 0.5, 277), "MSR":
             (49, 0.7, 1.5)},
         first=["HLT"], has=["Hardly anything else exits",
                             "kvm:kvm_vcpu_wakeup", "kvm.halt_poll_ns=0"]),
    dict(name="halts that are shorter than the usual wake-up", vendor="Intel",
         seconds=1, rows={"HLT": (100000, 0.5, 2), "MSR_WRITE":
                          (200000, 0.5, 0.6)},
         has=["costs 25.00 % of the vCPUs' time, with wake-ups as estimated"]),
    dict(name="shadow VMCS is in use", vendor="Intel", seconds=20, rows={
        "VMRESUME": (900000, 9, 11), "VMREAD": (900, 1, 1.1), "INVEPT":
        (4000, 3, 4)}, first=["VMRESUME"],
         has=["is in use already", "Lower the exits of the nested", "VBS"],
         without=["enable_shadow_vmcs", "hv_evmcs"]),
    dict(name="virtual GIF is in use", vendor="AMD", seconds=20,
         facts={**LINUX, "guest_runs_guests": "yes"}, rows={
             "VMRUN": (600000, 7, 9), "MSR": (9000, 1, 1.4)},
         first=["VMRUN"], has=["are in use already"], without=["vgif=1"]),
    dict(name="the vCPUs wait for a CPU, whatever exits", vendor="AMD",
         seconds=3, rows={
             "MSR": (351, 619, 619), "HLT": (106, 21370, 21370),
             "INTERRUPT": (75, 430, 430), "NPF": (56, 4700, 4700)},
         first=["MSR", "INTERRUPT", "NPF"], remarks=1,
         has=["its thread waits for a CPU", "cpu.max"],
         without=["hpet", "Longest stops", "AVIC"]),
    dict(name="the same with two clocks", vendor="Intel", seconds=3, rows={
             "MSR_WRITE": (351, 1, 619), "EXTERNAL_INTERRUPT": (75, 2, 430),
             "IO_INSTRUCTION": (56, 9, 4700), "EPT_VIOLATION":
             (90, 900, 1000)},
         first=["MSR_WRITE", "EXTERNAL_INTERRUPT", "IO_INSTRUCTION"],
         has=["its thread waits for a CPU", "reads it from swap"]),
    dict(name="halts since the counts began", vendor="AMD", rows={
        "HLT": (40833, 0.5, 29), "INTERRUPT": (76, 0.5, 277), "MSR":
        (49, 0.7, 1.5)},
         first=["HLT"], has=["Hardly anything else exits",
                             "At most 33878 wake-ups a second"]),
    dict(name="each switch of tasks writes an MSR of a mitigation",
         vendor="Intel", seconds=10, facts=LINUX, rows={
             "MSR_WRITE": (2000000, 0.7, 0.9), "EXTERNAL_INTERRUPT":
             (12000, 2, 2.4), "HLT": (3000, 2, 900)},
         first=["MSR_WRITE"],
         has=["can be of other MSRs", "remedy If these are other MSRs", "0x48"],
         without=["one every"]),
    dict(name="xAPIC without APICv", vendor="Intel", seconds=10,
         facts={**LINUX, "guest_apic": "xapic"}, rows={
             "APIC_ACCESS": (400000, 2.5, 2.9), "EXTERNAL_INTERRUPT":
             (100000, 2, 2.4)},
         first=["APIC_ACCESS", "EXTERNAL_INTERRUPT"],
         has=["remedy This guest uses xAPIC"], without=["one every"]),
    dict(name="page faults of a nested guest", vendor="Intel", seconds=10,
         facts={**LINUX, "guest_runs_guests": "yes"}, rows={
             "VMRESUME": (500000, 9, 11), "EPT_VIOLATION": (500000, 6, 7)},
         first=["VMRESUME"], has=["these can also be theirs"]),
    dict(name="an encrypted guest converts its memory", vendor="AMD",
         seconds=10, rows={"VMGEXIT": (60000, 8, 70), "NPF": (200000, 6, 7)},
         first=["VMGEXIT"], has=["remedy Use virtio in place of emulated",
                                 "swiotlb"]),
    dict(name="flushes of the TLB of Windows, and their kicks",
         vendor="Intel", seconds=10, facts={"guest_cpus": "8"}, rows={
             "VMCALL": (400000, 6, 7), "DR_ACCESS": (20000, 1, 1.2),
             "EXTERNAL_INTERRUPT": (200000, 2, 2.4)},
         first=["VMCALL", "EXTERNAL_INTERRUPT"],
         has=["kvm_hv_flush_tlb", "the kicks that such a call sends"],
         without=["housekeeping"]),
    dict(name="an old kernel switches the FPU lazily", vendor="Intel",
         seconds=10, rows={
             "CR_ACCESS": (500000, 1, 1.3), "EXCEPTION_NMI":
             (300000, 1.2, 1.5), "EPT_VIOLATION": (200, 4, 5)},
         first=["CR_ACCESS"], has=["lazy FPU switching"],
         without=["no nested paging for this guest"]),
    dict(name="a VMM that waits for its disk", vendor="Intel", seconds=10,
         facts=LINUX, rows={
             "IO_INSTRUCTION": (30, 9, 70000), "MSR_WRITE": (900, 1, 1.2)},
         first=["IO_INSTRUCTION"], has=["takes a millisecond or more",
                                        "iothread"]),
    dict(name="a host that is emulated is slow and does not wait",
         vendor="AMD", seconds=1, rows={
             "MSR": (900, 225, 260), "INTERRUPT": (900, 326, 381),
             "CPUID": (100, 159, 170)},
         without=["its thread waits for a CPU"]),
    # More of Windows and other guests.
    dict(name="Windows sets fine timers, and the APIC is virtual",
         vendor="Intel", seconds=10, facts={"guest_cpus": "2"}, rows={
             "MSR_WRITE": (40000, 1.5, 1.8), "APIC_WRITE": (9000, 1.2, 1.5),
             "VMCALL": (3000, 3, 4), "DR_ACCESS": (3000, 1, 1.2),
             "HLT": (20000, 2, 420), "PREEMPTION_TIMER": (18000, 2, 3)},
         first=["HLT"], has=["powercfg /energy", "virtualises the APIC already"],
         without=["cpuidle_haltpoll", "On a host with APICv or AVIC add"]),
    dict(name="Windows without a page with the TSC", vendor="Intel",
         seconds=10, facts={"guest_cpus": "4"}, rows={
             "MSR_READ": (900000, 1.5, 1.8), "VMCALL": (3000, 3, 4),
             "DR_ACCESS": (9000, 1, 1.2)},
         first=["MSR_READ"], has=["0x40000020", "+invtsc"],
         without=["turbostat"]),
    dict(name="Windows switches its debug registers", vendor="Intel",
         seconds=10, rows={
             "DR_ACCESS": (90000, 1, 1.3), "VMCALL": (9000, 3, 4)},
         has=["switches its debug registers with its tasks"],
         without=["find that process"]),
    dict(name="FreeBSD reads the ACPI PM timer", vendor="AMD", seconds=10,
         rows={"IO": (150000, 6, 20), "MSR": (30000, 1, 1.3)},
         first=["IO"], has=["kern.timecounter.hardware", "0xb008"], remarks=1),
    dict(name="FreeBSD with a thousand ticks a second", vendor="Intel",
         seconds=10, rows={
             "MSR_WRITE": (160000, 1, 1.4), "HLT": (80000, 2, 950)},
         has=["kern.hz=100"]),
    dict(name="a virtual IOMMU", vendor="Intel", seconds=10, facts=LINUX,
         rows={"EPT_MISCONFIG": (200000, 5, 30), "MSR_WRITE": (60000, 1, 1.3)},
         first=["EPT_MISCONFIG"], has=["iommu=pt", "0xfed90000"],
         without=["kern.timecounter"]),
    dict(name="macOS waits by MWAIT", vendor="Intel", seconds=10, rows={
        "MWAIT_INSTRUCTION": (2000000, 0.6, 0.8), "MONITOR_INSTRUCTION":
        (2000000, 0.5, 0.7)}, has=["-monitor", "while it is idle"]),
    dict(name="a migration logs what is written", vendor="Intel", seconds=10,
         facts=LINUX, rows={
             "EPT_VIOLATION": (400000, 3, 3.5), "PML_FULL": (4000, 9, 12)},
         first=["EPT_VIOLATION"], has=["PML_FULL is among the exits"]),
    dict(name="a remark of no cost beside a costly one", vendor="AMD",
         seconds=10, facts=LINUX, rows={
             "IO": (60000, 9, 45), "MSR": (30000, 1, 1.3), "INTERRUPT":
             (9000, 2, 2.3)}, first=["IO"], remarks=1),
    dict(name="counts without times",
         verdict="unknown", vendor="Intel", columns=2, rows={
        "IO_INSTRUCTION": (130000, 0, 0), "CPUID": (130000, 0, 0),
        "EPT_VIOLATION": (36000, 0, 0), "HLT": (27000, 0, 0)},
         has=["in an unknown time", "the rate decides"],
         without=["0 % of KVM's time", "0ns"]),
    dict(name="a reason without an entry", vendor="AMD",
         rows={"REASON_200": (900000, 2, 3), "MSR": (9000, 1, 1.5)},
         first=["REASON_200"], has=["no entry for this reason"]),
]
