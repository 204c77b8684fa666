"""Names of architectural bits and numbers (SDM vol. 1 ch. 3, vol. 3A ch. 2-6, vol. 4)."""

cdef enum:  # gpr slots; ZERO reads as 0 (absent base or index), RIP is the block's start
    RAX = 0
    RCX = 1
    RDX = 2
    RBX = 3
    RSP = 4
    RBP = 5
    RSI = 6
    RDI = 7
    ZERO = 16
    RIP = 17

cdef enum:  # segment slots, SDM encoding; LDTR and TR share the arrays
    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5
    LDTR = 6
    TR = 7

cdef enum:  # EFLAGS
    F_CF = 0x1
    F_ONE = 0x2
    F_PF = 0x4
    F_AF = 0x10
    F_ZF = 0x40
    F_SF = 0x80
    F_TF = 0x100
    F_IF = 0x200
    F_DF = 0x400
    F_OF = 0x800
    F_IOPL = 0x3000
    F_NT = 0x4000
    F_RF = 0x10000
    F_VM = 0x20000
    F_AC = 0x40000
    F_VIF = 0x80000
    F_VIP = 0x100000
    F_ID = 0x200000
    F_ARITH = 0x8D5

cdef enum:  # CR0
    CR0_PE = 0x1
    CR0_MP = 0x2
    CR0_EM = 0x4
    CR0_TS = 0x8
    CR0_ET = 0x10
    CR0_NE = 0x20
    CR0_WP = 0x10000
    CR0_AM = 0x40000
    CR0_NW = 0x20000000
    CR0_CD = 0x40000000

cdef enum:
    CR0_PG_SHIFT = 31

cdef enum:  # CR4
    CR4_VME = 0x1
    CR4_PVI = 0x2
    CR4_TSD = 0x4
    CR4_DE = 0x8
    CR4_PSE = 0x10
    CR4_PAE = 0x20
    CR4_MCE = 0x40
    CR4_PGE = 0x80
    CR4_PCE = 0x100
    CR4_OSFXSR = 0x200
    CR4_OSXMMEXCPT = 0x400
    CR4_UMIP = 0x800
    CR4_FSGSBASE = 0x10000
    CR4_PCIDE = 0x20000
    CR4_OSXSAVE = 0x40000
    CR4_SMEP = 0x100000
    CR4_SMAP = 0x200000

cdef enum:  # IA32_EFER
    EFER_SCE = 0x1
    EFER_LME = 0x100
    EFER_LMA = 0x400
    EFER_NXE = 0x800

cdef enum:  # exceptions
    EXC_NONE = -1
    EXC_DE = 0
    EXC_DB = 1
    EXC_NMI = 2
    EXC_BP = 3
    EXC_OF = 4
    EXC_BR = 5
    EXC_UD = 6
    EXC_NM = 7
    EXC_DF = 8
    EXC_TS = 10
    EXC_NP = 11
    EXC_SS = 12
    EXC_GP = 13
    EXC_PF = 14
    EXC_MF = 16
    EXC_AC = 17
    EXC_MC = 18
    EXC_XM = 19

cdef enum:  # segment attributes: descriptor bits 40-55 (type, S, DPL, P, -, AVL, L, D/B, G), bit 16 ours
    SEG_TYPE = 0xF
    SEG_A = 0x1       # accessed (S=1)
    SEG_RW = 0x2      # data: writable; code: readable
    SEG_EC = 0x4      # data: expand-down; code: conforming
    SEG_CODE = 0x8
    SEG_S = 0x10
    SEG_DPL_SHIFT = 5
    SEG_DPL = 0x60
    SEG_P = 0x80
    SEG_AVL = 0x1000
    SEG_L = 0x2000
    SEG_DB = 0x4000
    SEG_G = 0x8000
    SEG_NULL = 0x10000  # holds a null selector: any use raises #GP(0), or #SS(0) for SS

cdef enum:  # CPU.event: why the run loop must look before the next instruction
    EV_INTR = 0x1     # INTR pin is high (PIC or APIC has a vector)
    EV_NMI = 0x2      # an NMI is latched
    EV_INIT = 0x4     # INIT/reset of the processor
    EV_RESET = 0x8    # reset of the whole machine (port 0x92, 8042, PCI 0xCF9)
    EV_STOP = 0x10    # the host wants control; see CPU.stop_reason
    EV_BREAK = 0x20   # leave the block after this instruction (code under RIP changed, mode changed)
    EV_SMI = 0x40
    EV_FERR = 0x80    # CPU.ferr changed: the board moves IRQ 13

cdef enum:  # CPU.stop_reason
    STOP_NONE = 0
    STOP_BUDGET = 1     # ran the instructions asked for
    STOP_SHUTDOWN = 2   # triple fault
    STOP_POWEROFF = 3   # ACPI S5
    STOP_RESET = 4      # the guest asked for a reset
    STOP_EXIT = 5       # isa-debug-exit; CPU.exit_code
    STOP_HANG = 6       # HLT with interrupts off and nothing that can wake it
    STOP_HOST = 7       # another thread asked
    STOP_BREAKPOINT = 8  # a debugger's breakpoint or watchpoint
    STOP_IDLE = 9       # halted, and the caller asked to be told instead of skipping time
    STOP_GUEST = 10     # the guest left what we emulate; CPU.stop_detail says where

cdef enum:  # CPU.inhibit: interrupt shadow after STI or MOV SS/POP SS
    INHIBIT_STI = 1
    INHIBIT_SS = 2

cdef enum:  # CPU.feat, from the -cpu model (leaf 1 EDX order where it has one)
    FEAT_FPU = 0x1
    FEAT_VME = 0x2
    FEAT_DE = 0x4
    FEAT_PSE = 0x8
    FEAT_TSC = 0x10
    FEAT_MSR = 0x20
    FEAT_PAE = 0x40
    FEAT_MCE = 0x80
    FEAT_CX8 = 0x100
    FEAT_APIC = 0x200
    FEAT_SEP = 0x800
    FEAT_MTRR = 0x1000
    FEAT_PGE = 0x2000
    FEAT_MCA = 0x4000
    FEAT_CMOV = 0x8000
    FEAT_PAT = 0x10000
    FEAT_PSE36 = 0x20000
    FEAT_CLFSH = 0x80000
    FEAT_MMX = 0x800000
    FEAT_FXSR = 0x1000000
    FEAT_SSE = 0x2000000
    FEAT_SSE2 = 0x4000000

cdef extern from *:  # CPU.feat above bit 31: leaf 8000_0001 EDX, shifted left by 32
    """
    #define EMU_FEAT_SYSCALL 0x0000080000000000ull
    #define EMU_FEAT_NX 0x0010000000000000ull
    #define EMU_FEAT_RDTSCP 0x0800000000000000ull
    #define EMU_FEAT_LM 0x2000000000000000ull
    """
    const unsigned long long FEAT_SYSCALL "EMU_FEAT_SYSCALL"
    const unsigned long long FEAT_NX "EMU_FEAT_NX"
    const unsigned long long FEAT_RDTSCP "EMU_FEAT_RDTSCP"
    const unsigned long long FEAT_LM "EMU_FEAT_LM"

# Features of other leaves, at the bits between: only what cpuid.pyx puts there is set.
cdef extern from *:
    """
    #define EMU_BIT64(n) (1ull << (n))
    """
    const unsigned long long FEAT_HYPERVISOR "EMU_BIT64(31)"
    const unsigned long long FEAT_SSE3 "EMU_BIT64(32)"
    const unsigned long long FEAT_PCLMULQDQ "EMU_BIT64(33)"
    const unsigned long long FEAT_MONITOR "EMU_BIT64(34)"
    const unsigned long long FEAT_SSSE3 "EMU_BIT64(35)"
    const unsigned long long FEAT_CX16 "EMU_BIT64(36)"
    const unsigned long long FEAT_PCID "EMU_BIT64(37)"
    const unsigned long long FEAT_SSE4_1 "EMU_BIT64(38)"
    const unsigned long long FEAT_SSE4_2 "EMU_BIT64(39)"
    const unsigned long long FEAT_MOVBE "EMU_BIT64(40)"
    const unsigned long long FEAT_POPCNT "EMU_BIT64(41)"
    const unsigned long long FEAT_AES "EMU_BIT64(42)"
    const unsigned long long FEAT_XSAVE "EMU_BIT64(44)"
    const unsigned long long FEAT_RDRAND "EMU_BIT64(45)"
    const unsigned long long FEAT_FSGSBASE "EMU_BIT64(46)"
    const unsigned long long FEAT_SMAP "EMU_BIT64(47)"
    const unsigned long long FEAT_SHA "EMU_BIT64(48)"
    const unsigned long long FEAT_RDSEED "EMU_BIT64(49)"
    const unsigned long long FEAT_INVPCID "EMU_BIT64(50)"
    const unsigned long long FEAT_ADX "EMU_BIT64(51)"
    const unsigned long long FEAT_LZCNT "EMU_BIT64(53)"
    const unsigned long long FEAT_BMI1 "EMU_BIT64(54)"
    const unsigned long long FEAT_BMI2 "EMU_BIT64(55)"
    const unsigned long long FEAT_RDPID "EMU_BIT64(56)"
    const unsigned long long FEAT_LAHF_LM "EMU_BIT64(57)"
    const unsigned long long FEAT_PDPE1GB "EMU_BIT64(58)"
    const unsigned long long FEAT_UMIP "EMU_BIT64(60)"
    const unsigned long long FEAT_SMEP "EMU_BIT64(62)"
    const unsigned long long FEAT_ARCH_CAP "EMU_BIT64(63)"
    const unsigned long long FEAT_TSC_DEADLINE "EMU_BIT64(30)"
