"""Debug console: every byte written to the port goes to the host; reading it gives 0xE9 (Bochs' and QEMU's port 0xE9).

Region 0: one port.
"""
from emu_core_pyx.types cimport u8, u32
from emu_core_pyx.bus.bytedev cimport ByteDevice
from emu_core_pyx.bus.hostring cimport HostRing

cdef enum:
    READBACK = 0xE9


cdef class DebugCon(ByteDevice):
    """Output only; `readback` can be changed."""
    cdef readonly HostRing tx
    cdef public u8 readback

    def __init__(self, str name="debugcon"):
        self.name = name
        self.tx = HostRing(1 << 20)
        self.readback = READBACK

    cdef u8 rd(self, u32 region, u32 off) noexcept nogil:
        return 0xFF if region or off else self.readback

    cdef void wr(self, u32 region, u32 off, u8 v) noexcept nogil:
        if region == 0 and off == 0:
            self.tx.put(v)

    def take_output(self):
        """Bytes written since the last call."""
        return self.tx.take()

    @property
    def tx_full(self):
        """Line that is high while the output ring needs draining."""
        return self.tx.near_full

    @property
    def tx_count(self):
        """Bytes not taken yet."""
        return self.tx.used()

    @property
    def live(self):
        """True: stop the run at every line feed, so that output appears when it is made."""
        return self.tx.live

    @live.setter
    def live(self, bint on):
        self.tx.live = on

    @property
    def discard(self):
        """True: nobody listens, output is counted and dropped."""
        return self.tx.discard

    @discard.setter
    def discard(self, bint on):
        self.tx.discard = on
