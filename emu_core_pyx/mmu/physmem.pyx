"""Guest-physical memory of a PC: RAM with the hole below 4 GiB, ROM, device memory (see physmem.pxd).

RAM lies in a memfd where the host has them, so that a machine can be forked by private mappings of it.  The
VGA window 0xA0000-0xBFFFF is not RAM; 0xC0000-0xFFFFF is until a ROM is put there; unmapped pages belong to
the bus.  Not emulated: memory types (MTRR, PAT), parity, SMRAM (a board maps it).

    mem = PhysMem(64 << 20)
    mem.add_rom(0xF0000, bios)
    mem.write(0x7C00, sector)

Reads and writes of the Python face are of memory only: what belongs to the bus reads as ones and loses writes.
"""
import os

import numpy as np

from cpython.buffer cimport PyBUF_READ, PyBuffer_FillInfo
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.string cimport memcpy, memset
from posix.mman cimport (
    MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED, PROT_NONE, PROT_READ, PROT_WRITE,
    mmap, munmap,
)
from emu_core_pyx.types cimport u8, u32, u64

cdef enum:
    MAP_PAGES = 1048576         # pages below 4 GiB
    HOLE_LOW = 0xA0000          # VGA window
    HOLE_HIGH = 0xC0000
    GUARD_BYTES = 0x100000      # on both sides of what is mapped: a wrong address faults instead of changing something
    EXTRA_BYTES = 0xC000000     # room for ROM and device memory; costs nothing until used

FOUR_GIB = 1 << 32
cdef u64 CLEAN_8 = FRAME_CLEAN * <u64>0x0101010101010101


cdef void *reserve(u64 n, int fd) except NULL:
    """Zeroed pages, taken from the host when touched, between pages that nothing can touch."""
    cdef u64 whole = ((n + 0xFFF) & ~<u64>0xFFF) + 2 * GUARD_BYTES
    cdef int flags = MAP_FIXED | MAP_NORESERVE | (MAP_PRIVATE | MAP_ANONYMOUS if fd < 0 else MAP_SHARED)
    cdef void *p = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if p == MAP_FAILED:
        raise MemoryError(f"cannot map {n >> 20} MiB for the guest")
    if mmap(<u8 *>p + GUARD_BYTES, n, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED:
        munmap(p, whole)
        raise MemoryError(f"cannot map {n >> 20} MiB for the guest")
    return <u8 *>p + GUARD_BYTES


cdef void release(void *p, u64 n) noexcept nogil:
    """What `reserve` gave, if it did."""
    if p != NULL:
        munmap(<u8 *>p - GUARD_BYTES, ((n + 0xFFF) & ~<u64>0xFFF) + 2 * GUARD_BYTES)


cdef class PhysMem:
    """RAM of `ram_bytes` (a multiple of 4096); more than `below_4g` of it continues at 4 GiB."""

    def __cinit__(self, u64 ram_bytes, u64 below_4g=0xE0000000):
        self.fd = -1
        if ram_bytes == 0 or ram_bytes & 0xFFF or ram_bytes > 1 << 38:
            raise ValueError(f"RAM of {ram_bytes} bytes: must be a multiple of 4096, at most 256 GiB")
        if below_4g & 0xFFF or not 0x100000 <= below_4g <= 0xFE000000:
            raise ValueError(f"{below_4g:#x} bytes of RAM below 4 GiB: not possible")
        self.ram_bytes = ram_bytes
        self.below_4g = min(ram_bytes, below_4g)
        self.map_bytes = ram_bytes + EXTRA_BYTES
        self._regions = []
        try:
            self.fd = os.memfd_create("emu-ram", os.MFD_CLOEXEC)
            os.ftruncate(self.fd, self.map_bytes)
        except (AttributeError, OSError):
            if self.fd >= 0:
                os.close(self.fd)
            self.fd = -1
        self.p.base = <u8 *>reserve(self.map_bytes, self.fd)
        self.p.ram_frames = <u32>(ram_bytes >> 12)
        self.p.low_frames = <u32>(self.below_4g >> 12)
        self.p.frames = <u32>(self.map_bytes >> 12)
        self.p.rmap = <u32 *>reserve(MAP_PAGES * sizeof(u32), -1)
        self.p.wmap = <u32 *>reserve(MAP_PAGES * sizeof(u32), -1)
        self.p.flags = <u8 *>reserve(self.p.frames, -1)
        self.p.holders = <u64 *>reserve(self.p.frames * sizeof(u64), -1)
        self.next_frame = self.p.ram_frames
        memset(self.p.flags, FRAME_CLEAN, self.p.frames)
        self._map_ram()

    def __dealloc__(self):
        release(self.p.base, self.map_bytes)
        release(self.p.rmap, MAP_PAGES * sizeof(u32))
        release(self.p.wmap, MAP_PAGES * sizeof(u32))
        release(self.p.flags, self.p.frames)
        release(self.p.holders, self.p.frames * sizeof(u64))
        if self.fd >= 0:
            os.close(self.fd)

    def _map_ram(self):
        low = self.below_4g
        self.map_frames(0, min(low, HOLE_LOW), 1, 1)
        self._note(0, min(low, HOLE_LOW), "ram", "ram below 640K")
        if low > HOLE_HIGH:
            self.map_frames(HOLE_HIGH, low - HOLE_HIGH, (HOLE_HIGH >> 12) + 1, (HOLE_HIGH >> 12) + 1)
            self._note(HOLE_HIGH, low - HOLE_HIGH, "ram", "ram")
        if self.ram_bytes > low:
            self._note(FOUR_GIB, self.ram_bytes - low, "ram", "ram above 4G")

    def _note(self, base, size, kind, name):
        self._regions.append((base, size, kind, name))

    # ---- maps -----------------------------------------------------------------------------------

    cdef void map_frames(self, u64 phys, u64 n, u32 rframe, u32 wframe) noexcept nogil:
        cdef u64 pfn, first = phys >> 12, end = (phys + n + 0xFFF) >> 12
        cdef bint changed = 0
        if end > MAP_PAGES:
            end = MAP_PAGES
        for pfn in range(first, end):
            changed = changed or self.p.rmap[pfn] != rframe or self.p.wmap[pfn] != wframe
            self.p.rmap[pfn] = rframe
            self.p.wmap[pfn] = wframe
            if rframe != 0:
                rframe += 1
            if wframe != 0 and wframe != DROP:
                wframe += 1
        if changed and self.p.cpu != NULL:
            self.p.remapped(self.p.cpu, phys, n)

    cdef void show_frames(self, u64 phys, u64 n, u32 first) noexcept nogil:
        cdef u64 pfn = phys >> 12, end = (phys + n) >> 12, k = 0
        cdef bint changed = 0
        while pfn + k < end and pfn + k < MAP_PAGES:
            if self.p.rmap[pfn + k] == 0 and self.p.wmap[pfn + k] == 0:
                self.p.rmap[pfn + k] = self.p.wmap[pfn + k] = first + <u32>k + 1
                changed = 1
            k += 1
        if changed and self.p.cpu != NULL:
            self.p.remapped(self.p.cpu, phys, n)

    cdef void hide_frames(self, u64 phys, u64 n, u32 first) noexcept nogil:
        cdef u64 pfn = phys >> 12, end = (phys + n) >> 12, k = 0
        cdef bint changed = 0
        while pfn + k < end and pfn + k < MAP_PAGES:
            if self.p.rmap[pfn + k] == first + <u32>k + 1:
                self.p.rmap[pfn + k] = self.p.wmap[pfn + k] = 0
                changed = 1
            k += 1
        if changed and self.p.cpu != NULL:
            self.p.remapped(self.p.cpu, phys, n)

    cdef u32 harvest(self, u32 first, u32 count, u8 *dirty) noexcept nogil:
        cdef u32 k = 0, found = 0
        cdef u8 *flags = self.p.flags + first
        cdef u64 word
        while k < count:
            if count - k >= 8:
                memcpy(&word, flags + k, 8)
                if word & CLEAN_8 == CLEAN_8:
                    k += 8
                    continue
            if not flags[k] & FRAME_CLEAN:
                flags[k] |= FRAME_CLEAN
                dirty[k] = 1
                found += 1
                if self.p.cpu != NULL:
                    self.p.remapped(self.p.cpu, NOTE_CLEAN + first + k, 0)
            k += 1
        return found

    cdef void shadow_ram(self, u64 phys, u64 n, bint read_ram, bint write_ram) noexcept nogil:
        cdef u32 rom, ram, rd, wr
        cdef u64 at = phys
        while at < phys + n and at < 0x100000:
            rom = self.rom_at[at >> 12]
            ram = <u32>(at >> 12) + 1
            rd = ram if read_ram else rom
            wr = ram if write_ram else (DROP if rom != 0 or read_ram else 0)
            self.map_frames(at, 0x1000, rd, wr)
            at += 0x1000

    def set_shadow_ram(self, u64 phys, u64 n, bint read_ram, bint write_ram):
        """Chipset's choice per page below 1 MiB: reads and writes go to RAM, or to what lies behind it."""
        self.shadow_ram(phys, n, read_ram, write_ram)

    def _take(self, u64 n):
        """Frames for n bytes; the first one."""
        cdef u32 first = self.next_frame, count = <u32>((n + 0xFFF) >> 12)
        if count > self.p.frames - first:
            raise MemoryError(f"no room for {n} bytes of ROM or device memory")
        self.next_frame += count
        return first

    def add_rom(self, u64 phys, data, str name="rom"):
        """Put a read-only image at `phys` (page-aligned; a short last page is filled with ones).  Its first frame."""
        cdef bytes src = bytes(memoryview(data))
        cdef u64 n = len(src)
        cdef u32 first, k
        if phys & 0xFFF or n == 0 or phys + n > FOUR_GIB:
            raise ValueError(f"ROM {name!r}: {n} bytes at {phys:#x}: must be page-aligned, below 4 GiB and not empty")
        first = self._take(n)
        memset(self.p.base + (<u64>first << 12), 0xFF, (n + 0xFFF) & ~<u64>0xFFF)
        memcpy(self.p.base + (<u64>first << 12), <const u8 *>src, n)
        for k in range(<u32>((n + 0xFFF) >> 12)):
            self.p.flags[first + k] = FRAME_ROM
        self.alias(phys, first, n, False, name)
        return first

    def add_device(self, u64 n):
        """Frames for memory on a card, mapped nowhere yet.  The first one."""
        return self._take(n)

    def alias(self, u64 phys, u32 first, u64 n, bint writable, str name="alias"):
        """Make frames from `first` on appear at `phys` (too)."""
        cdef u64 k, pages = (n + 0xFFF) >> 12
        if phys & 0xFFF or phys + n > FOUR_GIB:
            raise ValueError(f"{name!r} at {phys:#x}: must be page-aligned and below 4 GiB")
        if not writable:
            for k in range(pages):
                if (phys >> 12) + k < 256:
                    self.rom_at[(phys >> 12) + k] = first + <u32>k + 1
        self.map_frames(phys, n, first + 1, first + 1 if writable else DROP)
        self._note(phys, pages << 12, "ram" if writable else "rom", name)

    def unmap(self, u64 phys, u64 n):
        """Give these pages to the bus."""
        self.map_frames(phys, n, 0, 0)
        self._regions = [r for r in self._regions if not phys <= r[0] < phys + n]

    def regions(self):
        """What is mapped where, in the order it was put: tuples (base, size, "ram" or "rom", name)."""
        return list(self._regions)

    # ---- contents -------------------------------------------------------------------------------

    def read(self, u64 phys, u64 n):
        """n bytes from `phys`; ones where there is no memory."""
        cdef bytearray out = bytearray(n)
        cdef u8 *dst = out
        cdef u64 k, done = 0
        cdef u32 f
        while done < n:
            k = min(0x1000 - (phys & 0xFFF), n - done)
            f = frame_rd(&self.p, phys)
            if f != 0:
                memcpy(dst + done, self.p.base + (<u64>(f - 1) << 12) + (phys & 0xFFF), k)
            else:
                memset(dst + done, 0xFF, k)
            done += k
            phys += k
        return bytes(out)

    def write(self, u64 phys, data):
        """Write as a DMA master would: code and page tables in the way are noticed, ROM is not changed."""
        cdef bytes src = bytes(memoryview(data))
        cdef u64 k, done = 0, n = len(src)
        cdef u32 f
        while done < n:
            k = min(0x1000 - (phys & 0xFFF), n - done)
            f = frame_wr(&self.p, phys)
            if f != 0 and f != DROP:
                f -= 1
                memcpy(self.p.base + (<u64>f << 12) + (phys & 0xFFF), <const u8 *>src + done, k)
                if self.p.flags[f] & FRAME_HOOKS:
                    if self.p.cpu != NULL:
                        self.p.written(self.p.cpu, f, phys, <u32>k)
                    else:
                        self.p.flags[f] &= ~FRAME_CLEAN
            done += k
            phys += k

    def __getbuffer__(self, Py_buffer *b, int flags):
        PyBuffer_FillInfo(b, self, self.p.base, self.ram_bytes, 0, flags)

    @property
    def ram(self):
        """All RAM as ndarray (ram_bytes,) uint8, read-only, by frame (guest-physical below the hole)."""
        out = np.frombuffer(self, np.uint8)
        out.flags.writeable = False
        return out

    def ram_for_writing(self):
        """As `ram`, but writable; nobody notices such writes until `changed` is called."""
        return np.frombuffer(self, np.uint8)

    def changed(self):
        """Contents changed behind the processor's back: all pages are dirty, all derived state is dropped."""
        cdef u32 k
        for k in range(self.p.ram_frames):
            self.p.flags[k] &= ~FRAME_CLEAN
        if self.p.cpu != NULL:
            self.p.remapped(self.p.cpu, 0, <u64>-1)

    def dirty_pages(self):
        """Numbers of the RAM pages (frames) written since the last clear_dirty: ndarray (n,) int64, ascending."""
        flags = np.frombuffer(PyMemoryView_FromMemory(<char *>self.p.flags, self.p.ram_frames, PyBUF_READ), np.uint8)
        return np.flatnonzero((flags & FRAME_CLEAN) == 0)

    def clear_dirty(self):
        """Start a new round of dirty_pages."""
        cdef u32 k
        for k in range(self.p.ram_frames):
            self.p.flags[k] |= FRAME_CLEAN
        if self.p.cpu != NULL:
            self.p.remapped(self.p.cpu, NOTE_ALL_CLEAN, 0)
