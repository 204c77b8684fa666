"""The instruction decoder: prefixes, opcode maps, ModRM, SIB, displacement, immediate (SDM vol. 2A, chapter 2).

16-, 32- and 64-bit code; VEX prefixes, of which only instructions on general registers have rows (AVX will be further rows).
Not decoded: EVEX, XOP, 3DNow! (all #UD).
A length over 15 bytes is #GP(0), found before anything else is looked at.

DEVIATION: the sum of a 32-bit displacement (RIP-relative) or branch distance in 64-bit code and the offset in the
block wraps at 32 bits: wrong within 255 bytes of +2 GiB.
"""
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from emu_core_pyx.types cimport i8, i16, i32, u8, u16, u32, u64
from emu_core_pyx.cpu.bits cimport CS, DS, FS, RBP, RIP, RSP, SS, ZERO
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.block.insn cimport (
    INSN_ADDR16, INSN_ADDR32, INSN_LOCK, INSN_REP, INSN_REPNE, INSN_SEGOVR, MODE_32, MODE_64, MODE_EM, MODE_NOFPU, MODE_NOSSE,
    MODE_PE, MODE_SIZE, MODE_VM, Insn,
)
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.decode.tables cimport (
    BY_L, BY_LONG, BY_MOD, BY_PREFIX, BY_REG, BY_RM, BY_W, CLASS_NONE, CLASS_SSE, CLASS_X87, IM_AP, IM_ENTER, IM_JB,
    IM_JZ, IM_NONE, IM_O, IM_ONE, IM_Q, IM_SB, IM_UB, IM_UW, IM_Z, MAP_VEX, NODE, OP_NM, OP_UD, RK_NONE, RK_OPC, RK_OPC8, RK_PREG,
    RK_PRM, RK_REG, RK_REG8, RK_RM, RK_RM8, RK_VREG, RK_VRM, SZ_D64, SZ_FIXED, SZ_N, SZ_V, SZ_Y, SZ_Z, TAG_ANYMOD,
    TAG_LOCK, TAG_PROT, TAG_SREG, TAG_SREG_DST, XK_CONST, XK_REG, XK_REGX, XK_VVVV, DecodeTables, Node, OpRow, compile_tables,
    ends_block,
)

cdef enum:
    REX_B = 1
    REX_X = 2
    REX_R = 4
    REX_W = 8
    NO_REG = ZERO * 8
    # 16-bit addressing (SDM 2A table 2-1): base slot of rm 0-7, four bits each, from the lowest
    BASE16 = 0x35765533     # rm 7: BX, BP, DI, SI, BP, BP, BX, rm 0: BX
    SS16 = 0x4C             # rm whose default segment is SS: BP+SI, BP+DI, BP


cdef inline u8 byte_reg(u32 n, u32 rex) noexcept nogil:
    """AL CL DL BL AH CH DH BH, or with any REX prefix the low byte of register n."""
    if rex or n < 4:
        return <u8>(n * 8)
    return <u8>((n - 4) * 8 + 1)


cdef inline u8 operand(u32 kind, u32 reg, u32 rm, u32 opc, u32 rex, bint memory) noexcept nogil:
    """Insn.dst or Insn.src; reg, rm and opc come with their REX bits."""
    if kind == RK_REG:
        return <u8>(reg * 8)
    elif kind == RK_RM:
        return 0 if memory else <u8>(rm * 8)
    elif kind == RK_REG8:
        return byte_reg(reg, rex)
    elif kind == RK_RM8:
        return 0 if memory else byte_reg(rm, rex)
    elif kind == RK_OPC:
        return <u8>(opc * 8)
    elif kind == RK_OPC8:
        return byte_reg(opc, rex)
    elif kind == RK_VREG:
        return <u8>reg
    elif kind == RK_VRM:
        return 0 if memory else <u8>rm
    elif kind == RK_PREG:
        return <u8>(reg & 7)
    elif kind == RK_PRM:
        return 0 if memory else <u8>(rm & 7)
    return 0


cdef inline i32 le16(const u8 *b) noexcept nogil:
    return <i32>(<u32>b[0] | <u32>b[1] << 8)


cdef inline i32 le32(const u8 *b) noexcept nogil:
    return <i32>(<u32>b[0] | <u32>b[1] << 8 | <u32>b[2] << 16 | <u32>b[3] << 24)


cdef inline int short_of(u32 avail) noexcept nogil:
    return TOO_LONG if avail >= 15 else NEED_MORE


cdef int refuse(const DecodeTables *t, u32 op, u16 hid, u32 n, u32 off, u32 flags, Insn *out) noexcept nogil:
    """#UD or #NM in place of the instruction."""
    memset(out, 0, sizeof(Insn))
    out.run = t.handlers[hid].fast
    out.hid = hid
    out.op = <u16>op
    out.amask = 0xFFFFFFFF
    out.base = NO_REG
    out.index = NO_REG
    out.scale = 1
    out.seg = DS
    out.len = <u8>n
    out.off = <u8>off
    out.flags = <u8>flags
    return <int>n


cdef int decode_one(const CPU *c, const DecodeTables *t, const u8 *b, u32 avail, u32 off, u32 mode,
                    Insn *out) noexcept nogil:
    cdef u32 n = 0, op, map = 0, v, mod = 3, reg = 0, rm = 0, modrm = 0, sib, k, lg, vlg, n_imm = 0, n_disp = 0
    cdef u32 rex = 0, flags = 0, prefix = 0, base = ZERO, index = ZERO, scale = 1, seg = DS, asize, opc, low
    cdef u32 size = mode & MODE_SIZE, vex = 0, vvvv = 0
    cdef bint o66 = False, a67 = False, is64 = size == MODE_64, memory = False, override = False, riprel = False
    cdef i32 disp = 0, imm = 0
    cdef u16 hid
    cdef const Node *node
    cdef const OpRow *row
    if avail > 15:
        avail = 15

    # prefixes
    while True:
        if n == avail:
            return short_of(avail)
        op = b[n]
        n += 1
        if op == 0x66:
            o66 = True
        elif op == 0x67:
            a67 = True
        elif op == 0xF3:
            flags = flags & ~<u32>INSN_REPNE | INSN_REP
        elif op == 0xF2:
            flags = flags & ~<u32>INSN_REP | INSN_REPNE
        elif op == 0xF0:
            flags |= INSN_LOCK
        elif op == 0x64 or op == 0x65:
            seg = op - 0x64 + FS
            override = True
        elif op == 0x26 or op == 0x2E or op == 0x36 or op == 0x3E:
            if not is64:
                seg = op >> 3 & 3
                override = True
        elif is64 and op & 0xF0 == 0x40:
            rex = op
            continue
        else:
            break
        rex = 0     # a REX prefix counts only right before the opcode
    if override:
        flags |= INSN_SEGOVR
    if flags & (INSN_REP | INSN_REPNE):
        prefix = 2 if flags & INSN_REP else 3
    elif o66:
        prefix = 1

    # opcode
    if op == 0x0F:
        if n == avail:
            return short_of(avail)
        op = b[n]
        n += 1
        map = 1
        if op == 0x38 or op == 0x3A:
            map = 2 if op == 0x38 else 3
            if n == avail:
                return short_of(avail)
            op = b[n]
            n += 1
    elif op & 0xFE == 0xC4:
        # two-byte C5 or three-byte C4 where the byte after it can be no memory operand of LDS or LES (SDM 2A 2.3.5)
        if n == avail:
            return short_of(avail)
        if (is64 or b[n] >= 0xC0) and mode & (MODE_PE | MODE_VM) == MODE_PE:
            k = 1 if op == 0xC5 else 2
            if n + k >= avail:
                return short_of(avail)
            if rex or prefix or flags & INSN_LOCK:
                return refuse(t, OP_UD, t.ud, n, off, flags, out)
            vex = b[n]
            rex = (vex >> 5 ^ 7) & (REX_R if op == 0xC5 else REX_R | REX_X | REX_B)
            map = 1
            if op == 0xC4:
                map = vex & 31
                vex = b[n + 1]
                rex |= vex >> 4 & REX_W
            if map - 1 > 2:
                return refuse(t, OP_UD, t.ud, n, off, flags, out)
            map += MAP_VEX
            prefix = vex & 3
            vvvv = vex >> 3 & 15 ^ 15
            if not is64:
                rex = 0     # as is VEX.vvvv[3] of a register
            op = b[n + k]
            n += k + 1
    low = op & 7
    if t.modrm[map][op]:
        if n == avail:
            return short_of(avail)
        modrm = b[n]
        n += 1
        mod = modrm >> 6
        reg = modrm >> 3 & 7
        rm = modrm & 7
    v = t.map[map][op]
    while v & NODE:
        node = &t.nodes[v & (NODE - 1)]
        if node.by == BY_PREFIX:
            k = prefix
        elif node.by == BY_REG:
            k = reg
        elif node.by == BY_MOD:
            k = mod == 3
        elif node.by == BY_RM:
            k = rm
        elif node.by == BY_LONG:
            k = is64
        elif node.by == BY_W:
            k = rex & REX_W != 0
        elif node.by == BY_L:
            k = vex >> 2 & 1
        else:
            k = rex & REX_B != 0
        v = node.child[k]
    if t.rows[v].feat & ~c.feat:
        v = t.rows[v].alt
    if v == OP_UD:
        return refuse(t, OP_UD, t.ud, n, off, flags, out)
    row = &t.rows[v]

    # sizes
    asize = size
    if a67:
        asize = MODE_32 if is64 else size ^ 1
    if asize == 0:
        flags |= INSN_ADDR16
    elif asize == MODE_32:
        flags |= INSN_ADDR32
    if rex & REX_W:
        vlg = 3
    elif size == 0:
        vlg = 2 if o66 else 1
    else:
        vlg = 1 if o66 else 2
    if row.size == SZ_FIXED:
        lg = 0
    elif row.size == SZ_V:
        lg = vlg
    elif row.size == SZ_Z:
        lg = 2 if vlg == 3 else vlg
    elif row.size == SZ_Y:
        lg = 3 if rex & REX_W else 2
    elif row.size == SZ_D64:
        lg = 3 if is64 and vlg != 1 else vlg
    elif row.size == SZ_N:
        lg = 3 if is64 else 2
    else:
        lg = 3 if is64 else vlg

    # ModRM, SIB, displacement
    memory = mod != 3 and not row.tags & TAG_ANYMOD
    if memory:
        if asize == 0:
            n_disp = mod
            if mod == 0 and rm == 6:
                n_disp = 2
            else:
                base = <u32>BASE16 >> (4 * rm) & 15
                if rm < 4:
                    index = 6 + (rm & 1)
                if SS16 >> rm & 1 and not override:
                    seg = SS
        else:
            n_disp = 4 if mod == 2 else mod
            if rm == 4:
                if n == avail:
                    return short_of(avail)
                sib = b[n]
                n += 1
                index = sib >> 3 & 7 | (rex & REX_X) << 2
                if index == 4:
                    index = ZERO
                else:
                    scale = 1 << (sib >> 6)
                base = sib & 7
                if base == 5 and mod == 0:
                    base = ZERO
                    n_disp = 4
                else:
                    base |= (rex & REX_B) << 3
            elif rm == 5 and mod == 0:
                n_disp = 4
                if is64:
                    riprel = True
                    base = RIP
            else:
                base = rm | (rex & REX_B) << 3
            if (base == RSP or base == RBP) and not override:
                seg = SS
        if n + n_disp > avail:
            return short_of(avail)
        if n_disp == 1:
            disp = <i8>b[n]
        elif n_disp == 2:
            disp = <i16>le16(b + n)
        elif n_disp == 4:
            disp = le32(b + n)
        n += n_disp

    # immediate
    hid = row.hid[memory][lg]
    if row.imm != IM_NONE:
        if row.imm == IM_SB or row.imm == IM_UB or row.imm == IM_JB:
            n_imm = 1
        elif row.imm == IM_Z:
            n_imm = 2 if vlg == 1 else 4
        elif row.imm == IM_JZ:
            n_imm = 2 if lg == 1 else 4
        elif row.imm == IM_UW:
            n_imm = 2
        elif row.imm == IM_O:
            n_imm = 2 << asize
        elif row.imm == IM_Q:
            n_imm = 8
        elif row.imm == IM_AP:
            n_imm = 4 if vlg == 1 else 6
        elif row.imm == IM_ENTER:
            n_imm = 3
        if n + n_imm > avail:
            return short_of(avail)
        if row.imm == IM_SB:
            imm = <i8>b[n]
        elif row.imm == IM_Z:
            imm = <i16>le16(b + n) if n_imm == 2 else le32(b + n)
        elif row.imm == IM_UB:
            imm = b[n]
        elif row.imm == IM_JB:
            imm = <i8>b[n] + <i32>(off + n + 1)
        elif row.imm == IM_JZ:
            imm = <i32>(<u32>(<i16>le16(b + n) if n_imm == 2 else le32(b + n)) + off + n + n_imm)
        elif row.imm == IM_ONE:
            imm = 1
        elif row.imm == IM_UW:
            imm = le16(b + n)
        elif row.imm == IM_O:
            disp = le16(b + n) if n_imm == 2 else le32(b + n)
            if n_imm == 8:
                imm = le32(b + n + 4)
                if imm != disp >> 31:
                    hid = t.movabs[row.dst == RK_NONE][0 if row.osz == 1 else lg]
        elif row.imm == IM_Q:
            imm = le32(b + n)
            disp = le32(b + n + 4)
        elif row.imm == IM_AP:
            imm = le16(b + n) if n_imm == 4 else le32(b + n)
            disp = le16(b + n + n_imm - 2)
        else:
            imm = le16(b + n)
            disp = b[n + 2]
        n += n_imm

    # what forbids it; #UD goes before #NM
    if hid == t.ud:
        return refuse(t, OP_UD, t.ud, n, off, flags, out)
    if flags & INSN_LOCK and not (row.tags & TAG_LOCK and memory):
        return refuse(t, OP_UD, t.ud, n, off, flags, out)
    if vvvv and row.xkind != XK_VVVV:
        return refuse(t, OP_UD, t.ud, n, off, flags, out)
    if row.tags & TAG_PROT and mode & (MODE_PE | MODE_VM) != MODE_PE:
        return refuse(t, OP_UD, t.ud, n, off, flags, out)
    if row.tags & TAG_SREG and (reg > 5 or (row.tags & TAG_SREG_DST and reg == CS)):
        return refuse(t, OP_UD, t.ud, n, off, flags, out)
    if row.fclass != CLASS_NONE:
        if row.fclass == CLASS_X87:
            imm = <i32>(low << 8 | modrm)
        elif mode & MODE_EM or (mode & MODE_NOSSE and row.fclass == CLASS_SSE):
            return refuse(t, OP_UD, t.ud, n, off, flags, out)
        if mode & MODE_NOFPU:
            return refuse(t, OP_NM, t.nm, n, off, flags, out)

    out.run = t.handlers[hid].fast
    out.imm = imm
    out.disp = <i32>(<u32>disp + off + n) if riprel else disp
    out.amask = 0xFFFF if asize == 0 else 0xFFFFFFFF if asize == MODE_32 else ~<u64>0
    reg |= (rex & REX_R) << 1
    rm |= (rex & REX_B) << 3
    opc = low | (rex & REX_B) << 3
    out.dst = operand(row.dst, reg, rm, opc, rex, memory)
    out.src = operand(row.src, reg, rm, opc, rex, memory)
    out.base = <u8>(base * 8)
    out.index = <u8>(index * 8)
    out.scale = <u8>scale
    out.seg = <u8>seg
    out.len = <u8>n
    out.rem = 0
    out.hid = hid
    out.off = <u8>off
    out.osz = row.osz if row.size == SZ_FIXED else <u8>(1 << lg)
    out.flags = <u8>flags
    if row.xkind == XK_CONST:
        out.x = row.x
    elif row.xkind == XK_REG:
        out.x = <u8>(reg & 7)
    elif row.xkind == XK_REGX:
        out.x = <u8>reg
    elif row.xkind == XK_VVVV:
        out.x = <u8>((vvvv if is64 else vvvv & 7) * 8)
    else:
        out.x = <u8>(rm & 7)
    out.op = <u16>v
    return <int>n


cdef int decode_for_cache(CPU *c, void *context, const u8 *b, u32 avail, u32 mode, u32 off, Insn *out) noexcept nogil:
    cdef const DecodeTables *t = &(<Decoder>context).t
    cdef int n = decode_one(c, t, b, avail, off, mode, out)
    if n > 0 and ends_block(t, out.op):
        return n | ENDS
    return n


cdef Insn *nothing(CPU *c, Insn *i) noexcept nogil:
    return NULL


cdef class Decoder:
    """The tables with the handlers of one registry."""

    def __init__(self, Registry registry):
        self.registry = registry
        compile_tables(&self.t, registry)

    @staticmethod
    def with_every_handler():
        """A decoder for tests: every name of the tables has a handler, which does nothing."""
        from emu_core_pyx.decode.tables import required_handlers
        registry = Registry()
        for name, size in required_handlers():
            registry.add(name, size, nothing, nothing)
        return Decoder(registry)

    def decode(self, bytes code, u32 mode, u64 feat=<u64>0xFFFFFFFFFFFFFFFF, u32 off=0):
        """One instruction as a dict of the Insn's fields and the handler's name and size; an int if NEED_MORE, TOO_LONG."""
        cdef Insn i
        cdef int n
        cdef CPU *c
        if not code:
            return NEED_MORE
        c = <CPU *>calloc(1, sizeof(CPU))
        if c == NULL:
            raise MemoryError
        c.feat = feat
        n = decode_one(c, &self.t, <const u8 *>code, <u32>len(code), off, mode, &i)
        free(c)
        if n < 0:
            return n
        text = self.t.handlers[i.hid].name.decode()
        if self.t.handlers[i.hid].size:
            text = text.removesuffix(str(8 * self.t.handlers[i.hid].size))
        return {
            "name": text,
            "size": self.t.handlers[i.hid].size, "len": i.len, "imm": i.imm, "disp": i.disp, "amask": i.amask, "dst": i.dst,
            "src": i.src, "base": i.base, "index": i.index, "scale": i.scale, "seg": i.seg, "osz": i.osz, "flags": i.flags,
            "x": i.x, "op": i.op, "off": i.off, "ends": bool(ends_block(&self.t, i.op)),
        }
