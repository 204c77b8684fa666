"""See registry.pxd."""
from emu_core_pyx.types cimport u16, u32
from emu_core_pyx.block.insn cimport HandlerRow, handler_t


cdef class Registry:
    """The handler table: row 0 is reserved for #UD."""

    def __cinit__(self):
        self.n = 1
        self.index = {}
        self.names = []

    cdef int add(self, str name, u32 size, handler_t fast, handler_t slow) except -1:
        if (name, size) in self.index:
            raise ValueError(f"handler {name}/{size} registered twice")
        if self.n == 6000:
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
