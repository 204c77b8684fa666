"""The opcode tables: rows of text (rows_*.py) to C arrays.

A row is `opcode mnemonic operands tags`, in the SDM's notation (vol. 2D, appendix A.2):

    opcode    [VEX.][prefix:]bytes[+r|+c][/digit|.modrm[+i]]
              prefix NP (no 66/F2/F3), 66, F2, F3; none: they do not select.  NP/66: see rows_simd.py.
              +r: the low three bits are a register; +c: the low four a condition, CC in the mnemonic.
              /digit: ModRM.reg.  .modrm: this ModRM byte (mod 3); +i: its low three bits are ST(i).
              VEX: encoded with a VEX prefix, whose pp field is the prefix.
    operands  a letter for the kind, a letter for the size, as in the SDM:
              E G M R S C D A J O X Y, V W U (XMM), P Q N (MMX), Z register in the opcode, T ST(i),
              B VEX.vvvv (general; absent: vvvv must be 1111).
              I: Ib sign-extended, Iu zero-extended byte, Iw zero-extended word, Iz, Iq.
              M16 M32 M64 M80: x87 memory formats.  A lone size letter: implied operand of this size.
              Sizes: b w d q o; v 2/4/8; z 2/4; y 4/8 by REX.W; n 4, or 8 in 64-bit mode; s as v, or 8 there.
    tags      lock     LOCK is allowed (memory form)          i64, o64  not in / only in 64-bit mode
              prot     #UD in real and virtual-8086 mode      W0 W1 B0 L0  REX.W, REX.B, VEX.L has this value
              end      last of its block                      d64, f64  v is 8 by default / always there
              anymod   ModRM.mod is ignored                   x=N       Insn.x
              rep      F3 and F2: also rep_NAME               bare      no operand letters in the name
              repz     F3: repz_NAME, F2: repnz_NAME          else=NAME row for processors without the feature
              x87 mmx sse fxsr: how CR0 and CR4 forbid it;    a feature name: #UD without it
    [TAGS]    on a line of its own: tags of the rows that follow

Where several rows fit, the one with more conditions holds.  What no row fits is #UD.
"""
import re

from emu_core_pyx.cpu cimport bits
from emu_core_pyx.decode.registry cimport Registry
from emu_core_pyx.decode import rows_integer, rows_simd, rows_x87

SECTIONS = (rows_integer.ONE_BYTE, rows_integer.TWO_BYTE, rows_x87.X87,
            rows_simd.SSE_FLOAT, rows_simd.INTEGER, rows_simd.LATER)
CONDITIONS = "o no b ae z nz be a s ns p np l ge le g".split()
DIMENSIONS = (("prefix", BY_PREFIX, 4), ("long", BY_LONG, 2), ("w", BY_W, 2), ("b", BY_B, 2),
              ("vl", BY_L, 2), ("mod", BY_MOD, 2), ("reg", BY_REG, 8), ("rm", BY_RM, 8))
PREFIXES = {"NP": 0, "66": 1, "F3": 2, "F2": 3}
CLASSES = {"x87": CLASS_X87, "mmx": CLASS_MMX, "sse": CLASS_SSE, "fxsr": CLASS_FXSR}
TAGS = {"end": TAG_END, "lock": TAG_LOCK, "prot": TAG_PROT, "anymod": TAG_ANYMOD}
FEATURES = {
    "FPU": bits.FEAT_FPU, "TSC": bits.FEAT_TSC, "MSR": bits.FEAT_MSR, "CX8": bits.FEAT_CX8, "SEP": bits.FEAT_SEP,
    "CMOV": bits.FEAT_CMOV, "CLFSH": bits.FEAT_CLFSH, "MMX": bits.FEAT_MMX, "FXSR": bits.FEAT_FXSR, "SSE": bits.FEAT_SSE,
    "SSE2": bits.FEAT_SSE2, "SYSCALL": bits.FEAT_SYSCALL, "RDTSCP": bits.FEAT_RDTSCP, "LM": bits.FEAT_LM,
    "SSE3": bits.FEAT_SSE3, "PCLMULQDQ": bits.FEAT_PCLMULQDQ, "MONITOR": bits.FEAT_MONITOR, "SSSE3": bits.FEAT_SSSE3,
    "CX16": bits.FEAT_CX16, "SSE4_1": bits.FEAT_SSE4_1, "SSE4_2": bits.FEAT_SSE4_2, "MOVBE": bits.FEAT_MOVBE,
    "POPCNT": bits.FEAT_POPCNT, "AES": bits.FEAT_AES, "XSAVE": bits.FEAT_XSAVE, "RDRAND": bits.FEAT_RDRAND,
    "FSGSBASE": bits.FEAT_FSGSBASE, "SMAP": bits.FEAT_SMAP, "SHA": bits.FEAT_SHA, "RDSEED": bits.FEAT_RDSEED,
    "INVPCID": bits.FEAT_INVPCID, "ADX": bits.FEAT_ADX, "LZCNT": bits.FEAT_LZCNT, "BMI1": bits.FEAT_BMI1,
    "BMI2": bits.FEAT_BMI2, "RDPID": bits.FEAT_RDPID, "LAHF_LM": bits.FEAT_LAHF_LM,
}
OPCODE = re.compile(r"(VEX\.)?(?:(NP|66|F2|F3):)?(0F38|0F3A|0F)?([0-9A-F]{2})(\+[rc])?(?:/([0-7])|\.([0-9A-F]{2})(\+i)?)?$")
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")
# operand: (letter in the register form, in the memory form)
FIXED = {"AL": "r", "rAX": "r", "eAX": "r", "AX": "a", "DX": "d", "CL": "c", "1": "i", "ST0": "0", "xAL": "", "xAX": ""}
LETTERS = {"G": "r", "R": "r", "B": "r", "Z": "r", "I": "i", "J": "j", "A": "p", "O": "m", "S": "s", "C": "C", "D": "D", "V": "x",
           "U": "x", "P": "p", "N": "p", "T": "t", "X": "", "Y": "", "L": ""}
REGISTERS = {"G": (RK_REG, RK_REG8), "E": (RK_RM, RK_RM8), "R": (RK_RM, RK_RM8), "Z": (RK_OPC, RK_OPC8), "V": (RK_VREG, RK_VREG),
             "W": (RK_VRM, RK_VRM), "U": (RK_VRM, RK_VRM), "P": (RK_PREG, RK_PREG), "Q": (RK_PRM, RK_PRM), "N": (RK_PRM, RK_PRM)}
SIZES = {"b": (SZ_FIXED, 1), "w": (SZ_FIXED, 2), "d": (SZ_FIXED, 4), "q": (SZ_FIXED, 8), "o": (SZ_FIXED, 16), "v": (SZ_V, 0),
         "p": (SZ_V, 0), "a": (SZ_V, 0), "z": (SZ_Z, 0), "y": (SZ_Y, 0), "n": (SZ_N, 0), "s": (SZ_S, 0)}
FIXED_SIZES = {"AL": "b", "rAX": "v", "eAX": "z", "AX": "w"}
IMMEDIATES = {"Ib": IM_SB, "Iu": IM_UB, "Iw": IM_UW, "Iz": IM_Z, "Iq": IM_Q, "Jb": IM_JB, "Jz": IM_JZ, "Ap": IM_AP, "1": IM_ONE}
TWIN = str.maketrans("PQN", "VWU")


class Row:
    """One opcode row: where it is (`map`, `first`, `count`, conditions), what it is, and its C fields."""

    def __init__(self, opcode, mnemonic, operands, tags):
        m = OPCODE.match(opcode)
        if not m:
            raise ValueError(f"bad opcode {opcode}")
        vex, prefix, escape, byte, low, digit, modrm, st = m.groups()
        self.opcode, self.mnemonic, self.operands = opcode, mnemonic, operands
        self.map = {None: 0, "0F": 1, "0F38": 2, "0F3A": 3}[escape] + (MAP_VEX if vex else 0)
        self.first, self.count = int(byte, 16), 8 if low == "+r" else 1
        self.prefix = PREFIXES.get(prefix)
        self.long = self.w = self.b = self.vl = self.mod = self.reg = self.rm = None
        self.tags = self.feat = self.fclass = self.x = 0
        self.alt, self.string, self.bare, self.wide = None, None, False, ""
        if digit:
            self.reg = int(digit)
        if modrm:
            value = int(modrm, 16)
            self.mod, self.reg = 1, value >> 3 & 7
            if not st:
                self.rm = value & 7
        for tag in tags:
            self._tag(tag)
        self.modrm = self.reg is not None
        self.dst = self.src = RK_NONE
        self.xkind, self.imm = XK_CONST, IM_NONE
        self.size, self.osz = SZ_FIXED, 0
        self._operands(operands)

    def _tag(self, tag):
        if tag in TAGS:
            self.tags |= TAGS[tag]
        elif tag in CLASSES:
            self.fclass = CLASSES[tag]
        elif tag in FEATURES:
            self.feat |= FEATURES[tag]
        elif tag in ("i64", "o64"):
            self.long = int(tag == "o64")
        elif tag in ("W0", "W1"):
            self.w = int(tag[1])
        elif tag == "B0":
            self.b = 0
        elif tag == "L0":
            self.vl = 0
        elif tag in ("d64", "f64"):
            self.wide = tag
        elif tag in ("rep", "repz"):
            self.string, self.bare = tag, True
        elif tag == "bare":
            self.bare = True
        elif tag.startswith("x="):
            self.x = int(tag[2:])
        elif tag.startswith("else="):
            self.alt = tag[5:]
        else:
            raise ValueError(f"bad tag {tag} at {self.opcode}")

    def _operands(self, operands):
        letters = []                # (register form, memory form)
        sizes, implied = [], None
        simd = self.fclass in (CLASS_MMX, CLASS_SSE)
        for op in operands:
            if len(op) == 1 and op in SIZES:
                implied = op
                continue
            place = len(letters)
            if self.xkind == XK_VVVV and place > 1:     # B between them: the second operand is still to come
                place -= 1
            if op in SEGMENTS:
                self.x = SEGMENTS.index(op)
                letters.append(("s", "s"))
                continue
            if op in FIXED:
                letters.append((FIXED[op],) * 2)
                sizes.append(FIXED_SIZES.get(op, ""))
                if op in FIXED_SIZES and place < 2:
                    self._register(place, RK_ACC)
                if op == "1":
                    self.imm = IM_ONE
                continue
            kind, size = op[0], op[1:]
            if size.isdigit():
                letters.append((None, "m" + size))
                self.mod, self.modrm = 0, True
                continue
            if kind in "EWQ":
                letters.append(({"E": "r", "W": "x", "Q": "p"}[kind], "m"))
            elif kind == "M":
                letters.append((None, "m"))
                self.mod = 0
            elif op == "Iq":
                letters.append(("i64",) * 2)
            else:
                letters.append((LETTERS[kind],) * 2)
            if kind in "RUN" and not self.tags & TAG_ANYMOD:
                self.mod = 1
            if kind in "EGMRSCDVWUPQNT":
                self.modrm = True
            if kind in REGISTERS and place < 2:
                self._register(place, REGISTERS[kind][size == "b"])
            if op in IMMEDIATES:
                self.imm = IMMEDIATES[op]
            elif kind == "O":
                self.imm = IM_O
            elif kind == "L":
                self.imm = IM_ENTER
            if kind == "S":
                self.xkind = XK_REG
                self.tags |= TAG_SREG | (TAG_SREG_DST if place == 0 else 0)
            elif kind in "CD":
                self.xkind = XK_REGX
            elif kind == "T":
                self.xkind = XK_RM
            elif kind == "B":
                self.xkind = XK_VVVV
            if kind == "J":
                implied = "v"
                self.wide, self.tags = "f64", self.tags | TAG_END
            elif kind not in "ICD" and (size == "y" if simd else kind not in "VWUPQN"):
                sizes.append(size)
        self.letters = letters
        size = implied or next((s for s in sizes if s), "")
        if size:
            self.size, self.osz = SIZES[size]
        if self.size == SZ_V and self.wide:
            self.size = SZ_D64 if self.wide == "d64" else SZ_F64

    def _register(self, place, kind):
        if place == 0:
            self.dst = kind
        else:
            self.src = kind

    @property
    def conditions(self):
        return sum(getattr(self, name) is not None for name, _, _ in DIMENSIONS)

    def name(self, memory):
        """Handler name of the memory or register form; None if the row has no such form."""
        if self.mod == memory or memory and not self.modrm:
            return None
        text = "" if self.bare else "".join(pair[memory] for pair in self.letters)
        return self.mnemonic + ("_" + text if text else "")

    def sizes(self):
        """Operand sizes in bytes a handler of this row is asked for."""
        if self.size == SZ_FIXED:
            return (self.osz,)
        if self.size in (SZ_Z, SZ_Y, SZ_N):
            every = [2, 4] if self.size == SZ_Z else [4, 8]
        else:
            every = [2, 4, 8] if self.long != 0 else [2, 4]
        return tuple([s for s in every if self.w is None or (s == 8) == self.w])

    def handlers(self):
        """All (name, size) of this row."""
        names = dict.fromkeys(n for n in (self.name(False), self.name(True)) if n)
        return [(n, s) for n in names for s in self.sizes()]

    def matches(self, byte):
        return self.first <= byte < self.first + self.count

    def __repr__(self):
        return f"{self.opcode} {self.mnemonic} {','.join(self.operands) or '-'}"


def _variants(opcode, mnemonic, operands, tags):
    """The rows one line of text stands for."""
    if opcode.startswith("NP/66:"):
        feature = "SSE2" if {"MMX", "SSE"} & set(tags) else None
        twin = ["sse" if t == "mmx" else feature if feature and t in ("MMX", "SSE") else t for t in tags]
        where = opcode.removeprefix("NP/66:")
        yield Row("NP:" + where, mnemonic, operands, tags)
        yield Row("66:" + where, mnemonic, [op if op in FIXED else op.translate(TWIN) for op in operands], twin)
    elif "+c" in opcode:
        for k, cc in enumerate(CONDITIONS):
            base = opcode.removesuffix("0+c")
            yield Row(f"{base}{k:X}", mnemonic.replace("CC", cc), operands, [*tags, f"x={k}"])
    else:
        row = Row(opcode, mnemonic, operands, tags)
        yield row
        if row.string:
            for prefix, name in (("F3", row.string), ("F2", "rep" if row.string == "rep" else "repnz")):
                yield Row(f"{prefix}:{opcode}", f"{name}_{mnemonic}", operands, tags)


def _read():
    """All rows; index = Insn.op.  0 and 1 are the pseudo-rows #UD and #NM."""
    out = [Row("0F0B", "ud", [], ["end"]), Row("9B", "nm", [], ["end"])]
    for text in SECTIONS:
        section = []
        for line in text.strip().splitlines():
            if line.startswith("["):
                section = line.strip("[]").split()
                continue
            opcode, mnemonic, operands, *tags = line.split()
            operands = [] if operands == "-" else operands.split(",")
            out.extend(_variants(opcode, mnemonic, operands, section + tags))
    return out


ROWS = _read()
MOVABS = ("movabs_mr", "movabs_rm")     # MOV moffs64 whose offset is no sign-extended 32-bit number


def required_handlers():
    """Every (name, size) some row may ask the registry for, with the rows that do."""
    out = {("ud", 0): [], ("nm", 0): []}
    for row in ROWS[2:]:
        for key in row.handlers():
            out.setdefault(key, []).append(row)
    for name in MOVABS:
        for size in (1, 2, 4, 8):
            out[(name, size)] = [r for r in ROWS if r.imm == IM_O]
    return out


def missing_handlers(registry):
    """(name, size) that decode to #UD because no family registered them; size 0 in the registry serves all."""
    known = set(registry.known())
    return sorted(k for k in required_handlers() if k not in known and (k[0], 0) not in known)


class _Tree:
    """Decision nodes, shared where equal."""

    def __init__(self):
        self.nodes = []
        self.index = {}

    def build(self, rows, depth=0):
        """Row index or NODE | node index that leads to one of `rows` (pairs of index and row)."""
        if not rows:
            return OP_UD
        while depth < len(DIMENSIONS):
            name, by, n = DIMENSIONS[depth]
            depth += 1
            if any(getattr(r, name) is not None for _, r in rows):
                children = tuple(self.build([p for p in rows if getattr(p[1], name) in (None, v)], depth) for v in range(n))
                if len(set(children)) == 1:
                    return children[0]
                key = (by, children)
                if key not in self.index:
                    self.index[key] = len(self.nodes)
                    self.nodes.append(key)
                return NODE | self.index[key]
        most = max(r.conditions for _, r in rows)
        best = [p for p in rows if p[1].conditions == most]
        if len(best) > 1:
            raise ValueError(f"rows collide: {best}")
        return best[0][0]


def _alternative(row):
    for index, other in enumerate(ROWS):
        if other.mnemonic == row.alt and (other.map, other.first) == (row.map, row.first):
            return index
    raise ValueError(f"no row {row.alt} beside {row}")


cdef u16 _find(Registry r, object name, u32 size, u16 absent):
    cdef int hid
    if name is None:
        return absent
    hid = r.find(name, size)
    if hid < 0:
        hid = r.find(name, 0)
    return absent if hid < 0 else <u16>hid


cdef int compile_tables(DecodeTables *t, Registry r) except -1:
    cdef u32 k, lg
    cdef OpRow *c
    if r.find("ud", 0) < 0 or r.find("nm", 0) < 0:
        raise ValueError("the registry has no handler 'ud' or 'nm'")
    if len(ROWS) > MAX_ROWS:
        raise ValueError("more rows than MAX_ROWS")
    t.handlers = r.rows
    t.ud = r.find("ud", 0)
    t.nm = r.find("nm", 0)
    t.nrows = len(ROWS)
    for k, row in enumerate(ROWS):
        c = &t.rows[k]
        c.feat = row.feat
        c.alt = _alternative(row) if row.alt else OP_UD
        c.tags = row.tags
        c.fclass = row.fclass
        c.size = row.size
        c.osz = row.osz
        c.dst = row.dst
        c.src = row.src
        c.xkind = row.xkind
        c.x = row.x
        c.imm = row.imm
        for memory in (False, True):
            for lg in range(4):
                c.hid[<int>memory][lg] = _find(r, row.name(memory), row.osz if row.size == SZ_FIXED else 1 << lg, t.ud)
    for k in range(2):
        for lg in range(4):
            t.movabs[k][lg] = _find(r, MOVABS[1 - k], 1 << lg, t.ud)
    tree = _Tree()
    for k in range(<u32>N_MAPS):
        for byte in range(256):
            here = [(i, row) for i, row in enumerate(ROWS) if i > OP_NM and row.map == k and row.matches(byte)]
            if len({row.modrm for _, row in here}) > 1:
                raise ValueError(f"ModRM or not: {here}")
            t.modrm[k][byte] = bool(here) and here[0][1].modrm
            t.map[k][byte] = tree.build(here)
    if len(tree.nodes) > MAX_NODES:
        raise ValueError("more nodes than MAX_NODES")
    t.nnodes = len(tree.nodes)
    for k, (by, children) in enumerate(tree.nodes):
        t.nodes[k].by = by
        for lg in range(8):
            t.nodes[k].child[lg] = children[lg] if lg < len(children) else OP_UD
    return 0
