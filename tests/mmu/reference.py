"""A second walker, written from SDM 3A chapter 4 alone: slow, in Python, over a bytearray of guest memory."""
READ, WRITE, EXEC, USER, IMPLICIT = 0, 1, 2, 4, 8

PG, WP = 1 << 31, 1 << 16
PSE, PAE, PGE, SMEP, SMAP = 0x10, 0x20, 0x80, 1 << 20, 1 << 21
LMA, NXE = 0x400, 0x800
AC = 0x40000


class Fault(Exception):
    def __init__(self, error):
        self.error = error


class Reference:
    """Registers and memory of one guest; `translate` gives the physical address or ("pf", error, cr2)."""

    def __init__(self, memory, maxphy=36):
        self.memory = memory
        self.maxphy = maxphy
        self.cr0 = self.cr3 = self.cr4 = self.efer = 0
        self.eflags = 2
        self.a20 = True
        self.pdpte = [0] * 4

    def mask(self, phys):
        return phys if self.a20 else phys & ~(1 << 20)

    def load(self, at, size):
        at = self.mask(at)
        return int.from_bytes(self.memory[at:at + size] or b"\xFF" * size, "little")     # open bus outside RAM

    def load_pdptes(self, cr3):
        at = cr3 & 0xFFFFFFE0
        new = [self.load(at + 8 * k, 8) for k in range(4)]
        high = ~((1 << self.maxphy) - 1) & (1 << 64) - 1
        if any(v & 1 and v & (high | 0x1E6) for v in new):
            return False
        self.pdpte = new
        return True

    def translate(self, lin, access):
        try:
            return self.mask(self.walk(lin, access))
        except Fault as f:
            return ("pf", f.error, lin)

    def walk(self, lin, access):
        if not self.cr0 & PG:
            return lin
        kind, user = access & 3, bool(access & USER)
        pae = bool(self.cr4 & PAE)
        nxe = pae and bool(self.efer & NXE)
        error = (kind == WRITE) << 1 | user << 2
        if kind == EXEC and (nxe or self.cr4 & SMEP):
            error |= 16
        used = []           # (address, size) of the entries, root first
        writable, usable, executable = True, True, True
        long_mode = bool(self.efer & LMA)
        size = 8 if pae else 4
        if not pae:
            levels, base = [(22, 10), (12, 10)], self.cr3 & 0xFFFFF000
        elif long_mode:
            levels, base = [(39, 9), (30, 9), (21, 9), (12, 9)], self.cr3 & ((1 << self.maxphy) - 1) & ~0xFFF
        else:
            pdpte = self.pdpte[lin >> 30 & 3]
            if not pdpte & 1:
                raise Fault(error)
            levels, base = [(21, 9), (12, 9)], pdpte & ((1 << self.maxphy) - 1) & ~0xFFF
        for shift, bits in levels:
            at = base + (lin >> shift & (1 << bits) - 1) * size
            entry = self.load(at, size)
            if not entry & 1:
                raise Fault(error)
            large = False
            reserved = 0
            if shift > 12 and entry & 0x80:
                if shift == 39:
                    reserved = 0x80
                elif pae or self.cr4 & PSE:
                    large = True
            if pae:
                reserved |= ((1 << 52) - 1) & ~((1 << self.maxphy) - 1)
                if not long_mode:
                    reserved |= 0x7FF << 52
                if not nxe:
                    reserved |= 1 << 63
                if large:
                    reserved |= ((1 << shift) - 1) & ~0x1FFF
            elif large:
                known = self.maxphy - 32            # PSE-36
                reserved |= 0x3FE000 & ~(((1 << known) - 1) << 13)
            if entry & reserved:
                raise Fault(error | 9)
            used.append((at, size))
            writable &= bool(entry & 2)
            usable &= bool(entry & 4)
            if nxe and entry >> 63:
                executable = False
            if large or shift == 12:
                break
            base = entry & ((1 << self.maxphy) - 1) & ~0xFFF
        ok = executable or kind != EXEC
        if user:
            ok &= usable and (writable or kind != WRITE)
        else:
            if kind == WRITE and self.cr0 & WP and not writable:
                ok = False
            if usable and kind == EXEC and self.cr4 & SMEP:
                ok = False
            if usable and kind != EXEC and self.cr4 & SMAP and (access & IMPLICIT or not self.eflags & AC):
                ok = False
        if not ok:
            raise Fault(error | 1)
        for n, (at, _) in enumerate(used):
            bits = 0x20 | (0x40 if kind == WRITE and n == len(used) - 1 else 0)
            if self.mask(at) < len(self.memory):
                self.memory[self.mask(at)] |= bits
        if large and not pae:
            frame = entry & 0xFFC00000 | (entry >> 13 & (1 << self.maxphy - 32) - 1) << 32
        else:
            frame = entry & ((1 << self.maxphy) - 1) & ~((1 << shift) - 1)
        return frame | lin & (1 << shift) - 1
