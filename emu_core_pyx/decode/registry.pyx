"""See registry.pxd."""
from emu_core_pyx.types cimport u16, u32
from emu_core_pyx.block.insn cimport handler_t


cdef class Registry:
    """The handler table: row 0 is reserved for #UD."""

    def __cinit__(self):
        self.n = 1
        self.index = {}
        self.names = []

    cdef int add(self, str name, u32 size, handler_t fast, handler_t slow) except -1:
        if (name, size) in self.index:
            raise ValueError(f"handler {name}/{size} registered twice")
        if self.n == MAX_ROWS:
            raise ValueError("handler table full")
        text = f"{name}{8 * size if size else ''}".encode()
        self.names.append(text)
        self.rows[self.n].fast = fast
        self.rows[self.n].slow = slow
        self.rows[self.n].name = text
        self.rows[self.n].size = size
        self.rows[self.n].flags = 0
        self.index[(name, size)] = self.n
        self.n += 1
        return 0

    cdef int find(self, str name, u32 size):
        return self.index.get((name, size), -1)

    def known(self):
        """All (name, size) pairs, in order of registration."""
        return list(self.index)

    def addresses(self):
        """Host addresses of all handlers: {(name, size): (fast, slow)}, and fused pairs {(name1, size1, name2, size2): run}."""
        cdef u32 k
        rows = {key: (<size_t>self.rows[row].fast, <size_t>self.rows[row].slow) for key, row in self.index.items()}
        keys = {row: key for key, row in self.index.items()}
        pairs = {(*keys[self.pairs[k].first], *keys[self.pairs[k].second]): <size_t>self.pairs[k].run
                 for k in range(PAIR_SLOTS) if self.pairs[k].run != NULL}
        return rows, pairs

    cdef int add_pair(self, str first, u32 size1, str second, u32 size2, handler_t run) except -1:
        cdef int a = self.find(first, size1), b = self.find(second, size2)
        cdef u32 k
        if a < 0 or b < 0:
            raise ValueError(f"pair {first}/{size1} {second}/{size2}: no such handler")
        if self.n_pairs * 2 > PAIR_SLOTS:
            raise ValueError("pair table full")
        k = pair_hash(<u16>a, <u16>b)
        while self.pairs[k].run != NULL:
            if self.pairs[k].first == a and self.pairs[k].second == b:
                raise ValueError(f"pair {first}/{size1} {second}/{size2} registered twice")
            k = (k + 1) & (PAIR_SLOTS - 1)
        self.pairs[k].first = <u16>a
        self.pairs[k].second = <u16>b
        self.pairs[k].run = run
        self.n_pairs += 1
        return 0

    cdef handler_t pair_of(self, u16 first, u16 second) noexcept nogil:
        cdef u32 k = pair_hash(first, second)
        while self.pairs[k].run != NULL:
            if self.pairs[k].first == first and self.pairs[k].second == second:
                return self.pairs[k].run
            k = (k + 1) & (PAIR_SLOTS - 1)
        return NULL


cdef inline u32 pair_hash(u16 a, u16 b) noexcept nogil:
    return (a * <u32>0x9E3779B1 + b * <u32>0x85EBCA6B) >> 16 & (PAIR_SLOTS - 1)
