"""The decoded forms: `Insn` (one guest instruction), `Link` (how a block goes on), `Block`.

A block is a run of instructions of one page, ending with the first one that may change RIP or the
mode.  Its last slot is a `Link`, laid over an `Insn`; a block that ends without a jump falls into the
Link's own handler.  An instruction that lies across a page boundary is a block of its own.

Where an instruction is: EIP = c.s.gpr[RIP] + i.off.  What it leaves: `rem` = instructions of the
block from this one on (itself included), which a fault gives back to the budget.
"""
from emu_core_pyx.types cimport i32, u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU

cdef struct Insn
ctypedef Insn *(*handler_t)(CPU *c, Insn *i) noexcept nogil

cdef struct Insn:       # 40 bytes
    handler_t run
    i32 imm             # immediate, sign-extended; jumps: target minus the block's start EIP
    i32 disp            # displacement (also high half of a 64-bit immediate)
    u64 amask           # effective-address mask: 0xFFFF, 0xFFFFFFFF or ~0
    u8 dst              # register operands as byte offsets from the CPU (AH = 1 ...)
    u8 src
    u8 base             # offsets of gpr slots; absent = ZERO * 8
    u8 index
    u8 scale            # multiplier 1, 2, 4, 8
    u8 seg              # segment slot ES..GS
    u8 len              # bytes of this instruction
    u8 rem
    u16 hid             # row of the handler table: slow twin, name
    u8 off              # bytes from the block's start
    u8 osz              # operand size in bytes: 1, 2, 4, 8 (10, 16 where the row says so)
    u8 flags            # INSN_*
    u8 x                # handler's own (condition code, ST(i), second opcode byte)
    u16 op              # row of the opcode table (disassembly, translator)

cdef enum:  # Insn.flags
    INSN_LOCK = 1
    INSN_REP = 2        # F3
    INSN_REPNE = 4      # F2
    INSN_ADDR16 = 8
    INSN_ADDR32 = 16
    INSN_SEGOVR = 32    # an explicit segment prefix was there

cdef struct Block
cdef struct Link:       # same size as Insn
    handler_t run       # end of a block that did not jump
    Block *next[2]      # [0] not taken / falls through, [1] taken; NULL: not known yet
    u64 spare
    u8 pad[3]
    u8 rem              # 0, at Insn.rem's place
    u8 more[4]

cdef enum:
    MAX_INSNS = 32      # guest instructions in a block
    MAX_BYTES = 240

cdef struct Block:
    u64 phys            # physical address of the first byte
    u64 phys2           # page of the last byte where that is another page, else ~0
    u32 mode            # MODE_* it was decoded for; MODE_DEAD once invalidated
    u8 nbytes           # at most MAX_BYTES
    u8 linked           # a Link of its page may lead here
    u8 n                # guest instructions
    u8 slots            # Insn slots used (fused pairs take one), without the Link
    Block *hash_next
    Block *page_next[2]
    Insn insns[1]       # slots + 1 of them

cdef enum:  # the key of a block: everything outside the bytes that changes decoding or semantics
    MODE_16 = 0         # default operand and address size
    MODE_32 = 1
    MODE_64 = 2
    MODE_SIZE = 3
    MODE_PE = 4         # protected mode (not real, not virtual-8086)
    MODE_VM = 8         # virtual-8086
    MODE_NOFPU = 0x10   # CR0.EM or CR0.TS: x87/MMX raise #NM
    MODE_EM = 0x20      # CR0.EM: SSE and MMX raise #UD
    MODE_NOSSE = 0x40   # CR4.OSFXSR clear: SSE raises #UD
    MODE_LIMIT = 0x80   # CS limit is not 4 GiB: checked on every entry, blocks are not linked
    MODE_LMA = 0x100    # IA-32e mode is active
    MODE_USER = 0x200   # CPL 3: a block found through the jump cache was fetched with these rights
    MODE_DEAD = 0xFFFFFFFF

cdef struct HandlerRow:     # one per (name, size); Insn.hid indexes it
    handler_t fast
    handler_t slow
    const char *name
    u32 size
    u32 flags
