"""Physical memory: one host mapping of page FRAMES, and maps from guest-physical pages to frames.

A frame is an index into the host mapping: first all of RAM (frame n is RAM byte n << 12), then ROM and device
memory.  ``rmap``/``wmap`` say for every page below 4 GiB where reads and writes go: frame + 1, 0 for the bus
(MMIO or open bus), DROP where writes are lost (ROM).  RAM above 4 GiB is contiguous and needs no map.
"""
from emu_core_pyx.types cimport u8, u32, u64

cdef enum:          # Phys.flags, one byte per frame
    FRAME_CODE = 1      # holds decoded code: writes must reach code_written
    FRAME_TABLE = 2     # holds a guest page table that feeds shadow entries: writes must reach shadow_edit
    FRAME_CLEAN = 4     # not written since the last clear_dirty
    FRAME_HOOKS = 7     # any of them: no direct write tag in a TLB
    FRAME_ROM = 8

cdef enum:              # what Phys.remapped is told with n = 0, in `phys`
    NOTE_ALL_CLEAN = 0      # every frame is clean again: no direct write tag is true any more
    NOTE_CLEAN = 1          # and above: frame `phys - NOTE_CLEAN` is

cdef extern from *:
    """
    #define EMU_FRAME_DROP 0xFFFFFFFFu
    """
    const u32 DROP "EMU_FRAME_DROP"

ctypedef void (*written_fn)(void *cpu, u32 frame, u64 phys, u32 n) noexcept nogil
ctypedef void (*remapped_fn)(void *cpu, u64 phys, u64 n) noexcept nogil

cdef struct Phys:
    u8 *base            # host address of frame 0
    u32 *rmap           # 2**20 entries
    u32 *wmap
    u8 *flags
    u64 *holders        # where TLBs may hold a direct write tag for the frame, see core.pyx
    u32 frames          # all of them
    u32 ram_frames
    u32 low_frames      # of RAM, below 4 GiB
    void *cpu
    written_fn written      # a frame with FRAME_HOOKS was written (after the bytes are in)
    remapped_fn remapped    # the map of these pages changed (NOTE_*: other news); NULL cpu: nobody to tell


cdef inline u32 frame_rd(const Phys *p, u64 phys) noexcept nogil:
    """Frame + 1 that answers reads of this page, 0: the bus."""
    cdef u64 pfn = phys >> 12
    if pfn < 0x100000:
        return p.rmap[pfn]
    pfn -= 0x100000
    return <u32>pfn + p.low_frames + 1 if pfn < p.ram_frames - p.low_frames else 0


cdef inline u32 frame_wr(const Phys *p, u64 phys) noexcept nogil:
    """Frame + 1 that takes writes of this page, 0: the bus, DROP: nobody."""
    cdef u64 pfn = phys >> 12
    if pfn < 0x100000:
        return p.wmap[pfn]
    pfn -= 0x100000
    return <u32>pfn + p.low_frames + 1 if pfn < p.ram_frames - p.low_frames else 0


cdef class PhysMem:
    cdef Phys p
    cdef readonly int fd            # the memfd behind the mapping, -1: anonymous
    cdef readonly u64 ram_bytes
    cdef readonly u64 below_4g      # RAM bytes below 4 GiB; the rest starts at 4 GiB
    cdef u64 map_bytes
    cdef u32 next_frame             # first unused frame behind RAM
    cdef u32 rom_at[256]            # frame + 1 of the ROM behind pages below 1 MiB (shadow RAM, see shadow_ram)
    cdef list _regions
    # Chipset shadow RAM (PAM): per page, whether reads and writes go to RAM instead of ROM or bus.
    cdef void shadow_ram(self, u64 phys, u64 n, bint read_ram, bint write_ram) noexcept nogil
    # Point pages at frames (frame + 1, 0 bus, DROP); frames follow each other.
    cdef void map_frames(self, u64 phys, u64 n, u32 rframe, u32 wframe) noexcept nogil
    # Device memory of `n` bytes behind `first` appears at `phys`, for a PCI base address register or a bank
    # window; where something else is mapped already that stays.
    cdef void show_frames(self, u64 phys, u64 n, u32 first) noexcept nogil
    # The pages show_frames mapped at `phys` go back to the bus.
    cdef void hide_frames(self, u64 phys, u64 n, u32 first) noexcept nogil
    # Mark in dirty[k] (1; others stay) what was written of frames first + k since the last call; how many.
    cdef u32 harvest(self, u32 first, u32 count, u8 *dirty) noexcept nogil
