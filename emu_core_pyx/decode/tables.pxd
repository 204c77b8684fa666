"""The opcode tables in C form: `OpRow` per row of rows_*.py, a decision tree over them, handlers by row.

An opcode byte leads to a row, or (bit 15 set) to a `Node`, which picks one of its children by a
field of the instruction: mandatory prefix, mode, REX.W, REX.B, mod, reg or rm.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.block.insn cimport HandlerRow
from emu_core_pyx.decode.registry cimport Registry

cdef enum:
    OP_UD = 0           # Insn.op of what is undefined here: #UD
    OP_NM = 1           # of what raises #NM in this mode
    MAX_ROWS = 1600
    MAX_NODES = 1024
    NODE = 0x8000       # in a map or a child: index of a Node, not of a row

cdef enum:  # Node.by
    BY_PREFIX = 0       # 0 none, 1 66, 2 F3, 3 F2
    BY_LONG = 1         # 64-bit mode
    BY_W = 2
    BY_B = 3
    BY_MOD = 4          # 0 memory, 1 register
    BY_REG = 5
    BY_RM = 6
    BY_L = 7            # VEX.L

cdef enum:  # OpRow.tags
    TAG_END = 1         # last instruction of a block
    TAG_LOCK = 2        # LOCK allowed on the memory form
    TAG_PROT = 4        # #UD in real and virtual-8086 mode
    TAG_ANYMOD = 8      # mod is ignored, rm is a register
    TAG_SREG = 16       # reg is a segment register: 6 and 7 are #UD
    TAG_SREG_DST = 32   # and CS too

cdef enum:  # OpRow.fclass: what CR0 and CR4 do to it
    CLASS_NONE = 0
    CLASS_X87 = 1       # #NM if EM or TS
    CLASS_MMX = 2       # #UD if EM, #NM if TS
    CLASS_SSE = 3       # #UD if EM or not OSFXSR, #NM if TS
    CLASS_FXSR = 4      # FXSAVE, FXRSTOR: as MMX, OSFXSR plays no role

cdef enum:  # OpRow.size
    SZ_FIXED = 0        # OpRow.osz
    SZ_V = 1            # 2, 4, 8: mode, 66, REX.W
    SZ_Z = 2            # 2, 4
    SZ_Y = 3            # 4, 8 by REX.W
    SZ_D64 = 4          # as V, 64-bit mode: 8 or (66) 2
    SZ_F64 = 5          # as V, 64-bit mode: 8
    SZ_N = 6            # 4, in 64-bit mode 8
    SZ_S = 7            # as V, in 64-bit mode 8

cdef enum:  # OpRow.dst, OpRow.src
    RK_NONE = 0
    RK_REG = 1          # general register by ModRM.reg
    RK_REG8 = 2
    RK_RM = 3           # by ModRM.rm, if mod = 3
    RK_RM8 = 4
    RK_OPC = 5          # by the low bits of the opcode
    RK_OPC8 = 6
    RK_ACC = 7          # AL, AX, EAX, RAX
    RK_VREG = 8         # XMM number by reg, by rm
    RK_VRM = 9
    RK_PREG = 10        # MMX number
    RK_PRM = 11

cdef enum:  # OpRow.xkind: what goes to Insn.x
    XK_CONST = 0
    XK_REG = 1          # ModRM.reg
    XK_REGX = 2         # with REX.R
    XK_RM = 3           # ST(i)
    XK_VVVV = 4         # VEX.vvvv, a general register, as a byte offset

cdef enum:  # OpRow.imm
    IM_NONE = 0
    IM_SB = 1           # byte, sign-extended
    IM_UB = 2           # byte, zero-extended
    IM_UW = 3           # word, zero-extended
    IM_Z = 4            # word or doubleword by operand size, sign-extended
    IM_Q = 5            # 64 bits: low half in imm, high in disp
    IM_JB = 6
    IM_JZ = 7
    IM_AP = 8           # far pointer: offset in imm, selector in disp
    IM_ONE = 9          # the constant 1
    IM_O = 10           # moffs
    IM_ENTER = 11       # word in imm, byte in disp

cdef struct OpRow:
    u64 feat            # FEAT_*, all needed
    u16 alt             # row taken instead when they are not there; OP_UD: #UD
    u16 hid[2][4]       # [memory form][log2 of the operand size]
    u8 tags
    u8 fclass
    u8 size
    u8 osz
    u8 dst
    u8 src
    u8 xkind
    u8 x
    u8 imm
    u8 pad[3]

cdef struct Node:
    u16 by
    u16 child[8]

cdef enum:
    N_MAPS = 7
    MAP_VEX = 3         # VEX.0F is map 4, VEX.0F38 5, VEX.0F3A 6: MAP_VEX + VEX.mmmmm

cdef struct DecodeTables:
    u16 map[7][256]     # one byte, 0F, 0F38, 0F3A, then the VEX-encoded ones
    u8 modrm[7][256]    # a ModRM byte follows
    Node nodes[1024]
    OpRow rows[1600]
    const HandlerRow *handlers
    u16 ud              # handler rows
    u16 nm
    u16 movabs[2][4]    # MOV moffs64 beyond a 32-bit displacement: [store][log2 size]
    u32 nrows
    u32 nnodes

# Fill `t` for the handlers of `r`, which must hold "ud" and "nm" (size 0).
cdef int compile_tables(DecodeTables *t, Registry r) except -1


cdef inline bint ends_block(const DecodeTables *t, u32 op) noexcept nogil:
    """A block ends with this row: it may change RIP, the mode, or what the run loop must look at."""
    return t.rows[op].tags & TAG_END != 0
