"""The processor: `State` is the architecture (plain data, copying it saves the CPU), `CPU` is
`State` followed by machinery that can be rebuilt (TLB, block cache, pointers to memory and bus).

Handlers receive ``CPU *c``; ``c.s`` is at offset 0, so an `Insn` names registers by byte offset
from ``c``.  During a block ``gpr[RIP]`` is the EIP of the block's FIRST instruction; see
block/insn.pxd for how the current one is found.
"""
from emu_core_pyx.types cimport i32, i64, u8, u16, u32, u64

cdef struct Xmm:
    u64 q[2]

cdef struct F80:        # x87 register: value as stored by FSTP m80
    u64 sig
    u16 sexp            # sign in bit 15
    u16 pad[3]

cdef struct Fpu:
    F80 st[8]           # physical registers R0-R7; ST(i) = st[(top + i) & 7]
    u16 cw
    u16 sw              # without TOP (bits 11-13 are zero here)
    u8 top
    u8 tags             # bit n set: Rn is NOT empty (FXSAVE's abridged form)
    u16 fop
    u64 fip
    u64 fdp
    u16 fcs
    u16 fds
    u32 mxcsr

cdef struct State:
    u64 gpr[18]         # RAX..R15, ZERO, RIP
    u64 seg_base[8]
    u64 seg_rend[8]     # read may end at most here (exclusive); 0: always the slow path
    u64 seg_wend[8]     # same for writes
    u64 ss_mask         # 0xFFFF, 0xFFFFFFFF or ~0: which bits of RSP a push uses
    i64 cc_res          # lazy flags, see cpu/flags.pxd
    u32 cc_aux
    u32 eflags          # all flags but CF PF AF ZF SF OF, which live in cc_*; bit 1 set
    u32 cpl
    u32 seg_limit[8]
    u32 seg_attr[8]
    u16 seg_sel[8]
    u64 cr0
    u64 cr2
    u64 cr3
    u64 cr4
    u64 efer
    u64 dr[8]
    u64 gdt_base
    u64 idt_base
    u32 gdt_limit
    u32 idt_limit
    u64 pdpte[4]        # PAE page-directory-pointer registers, loaded with CR3
    Fpu fpu
    Xmm xmm[16]
    # MSRs
    u64 sysenter_cs
    u64 sysenter_esp
    u64 sysenter_eip
    u64 star
    u64 lstar
    u64 cstar
    u64 sfmask
    u64 kernel_gs_base
    u64 tsc_aux
    u64 tsc_offset      # IA32_TSC = virtual TSC + tsc_offset
    u64 apic_base
    u64 pat
    u64 misc_enable
    u64 mtrr_cap_def    # IA32_MTRR_DEF_TYPE
    u64 mtrr_fix[11]
    u64 mtrr_phys[16]   # base0, mask0, base1, ...
    u64 mcg_status
    u64 bios_sign
    # what the run loop carries from one instruction to the next
    u32 event           # EV_*
    u32 inhibit         # INHIBIT_*; valid for the next instruction only
    u32 halted
    u32 nmi_blocked     # between NMI delivery and IRET
    u32 in_smm
    u32 a20             # address line 20 enabled
    u64 icount_base     # instructions retired when `left` was last set ...
    i64 skew_ns         # virtual time skipped in HLT
    # MSRs without a reader outside cpu/msr.pyx
    u64 mcg_ctl
    u64 mc_bank[16]     # CTL, STATUS, ADDR, MISC of four machine-check banks
    u64 debugctl
    u64 perf_sel[2]
    u64 perf_ctr[2]     # stand still
    u64 ebl_cr_poweron
    u64 bbl_cr_ctl3
    u64 seg_kept[4]     # bases of ES, CS, SS, DS while 64-bit mode ignores them (seg_base is 0 then)
    u64 xcr0            # without bit 0 (x87), which is always set
    u64 rng             # state of RDRAND and RDSEED: SplitMix64, seeded by the machine

cdef struct TlbEntry:   # tags are linear page | 0; a tag of 1 matches nothing
    u64 rd
    u64 wr
    u64 ex
    i64 add             # host address = linear + add

cdef enum:
    TLB_BITS = 10
    TLB_SIZE = 1024
    BOUNCE_SIZE = 512

cdef struct CPU:
    State s
    TlbEntry *tlb       # the array of tlbs that CPL and EFLAGS.AC choose: mmu/core.pxd, mmu_pick
    # budget: `left` instructions may still START before the run loop must look around.
    # A block subtracts its whole count on entry; Insn.rem says what to give back.
    i64 left
    u64 stop_at         # instruction count at which left == 0
    i64 now_adj         # rem of the instruction in flight; see dispatch.icount_of
    void *blk           # Block being executed
    u32 mode            # block key: see block/insn.pxd MODE_*
    u32 gen             # translation generation: a jump-cache hit needs it equal
    # a fault on its way to the run loop
    i32 exc             # EXC_NONE or vector
    u32 exc_error
    u64 exc_cr2         # #PF address
    u64 exc_dr6         # bits to set for #DB
    u32 exc_soft        # INT n/INT3/INTO: software interrupt semantics (DPL check, return after)
    # slow path
    u8 bounce_rd[512]   # data of one slow read
    u8 bounce[512]      # data of one slow write or read-modify-write, committed by slow_commit
    u32 bounce_len
    u32 bounce_wr       # a commit is owed
    u64 bounce_lin
    u64 bounce_phys[2]  # of the first byte, and of the second page's start
    u32 bounce_n0       # bytes that belong to the first page
    # why it stopped
    u32 stop_reason
    u32 exit_code
    u64 stop_detail
    u64 feat            # FEAT_*
    const void *handlers  # HandlerRow table, by Insn.hid
    # peers, as borrowed pointers to C structs or objects owned by the Engine
    void *mmu           # mmu.core.Mmu *
    void *cache         # block.cache.BlockCache *
    void *bus           # bus.bus.Bus object
    void *apic          # devices.lapic.LocalApic object or NULL
    void *pic           # object answering interrupt acknowledge, see bus.device.IrqSource
    void *model         # cpu.cpuid.Model *
    void *log           # event ring
    void *jumps         # block.cache.JumpEntry[JUMP_SIZE]
    u32 simd_unmasked   # MXCSR exceptions the guest has unmasked; see interp/simd.pxd
    u32 clock_shift     # one instruction is 1 << shift ns
    u64 tsc_hz
    u32 ac_on           # alignment is checked (CR0.AM, EFLAGS.AC, CPL 3): seg_rend/wend are 0, cpu/segment.pyx
    u32 chain_n         # vectors and error codes of the last delivery that nested, for the triple-fault report
    u32 chain_vec[4]
    u32 chain_err[4]
    u32 ferr            # FERR# is driven: an unmasked x87 exception is pending and CR0.NE is clear (IRQ 13)
    u32 delivered       # set by every delivery: an INT n that ended in a handler causes no single-step trap
    TlbEntry *tlbs[3]   # TLB arrays: supervisor and system structures, user, supervisor with EFLAGS.AC
