"""The Bochs display interface: what a write to one of its registers does to the others.

Values out of range become the nearest that works, as QEMU's stdvga does it: the resolution and the virtual size have to
fit into VRAM, the offsets into the virtual size.
Spec: Bochs VBE Display API (vbe_display_api.txt); QEMU docs/specs/standard-vga.rst.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.devices.vga_regs cimport (
    VBE_BANK, VBE_BPP, VBE_ENABLE, VBE_ENABLED, VBE_GETCAPS, VBE_ID, VBE_MEMORY, VBE_REGS, VBE_VIRT_HEIGHT, VBE_VIRT_WIDTH,
    VBE_XRES, VBE_X_OFFSET, VBE_YRES, VBE_Y_OFFSET, VgaRegs, vbe_pitch,
)

cdef enum:
    VBE_ID0 = 0xB0C0
    VBE_ID5 = 0xB0C5
    VBE_MAX_XRES = 16000
    VBE_MAX_YRES = 12000
    VBE_MAX_BPP = 32


cdef inline u32 vbe_read(const VgaRegs *r, u64 size) noexcept nogil:
    cdef u32 n = r.vbe_index
    if n >= VBE_REGS:
        return 0
    if n == VBE_MEMORY:
        return <u32>(size >> 16)
    if r.vbe[VBE_ENABLE] & VBE_GETCAPS:
        if n == VBE_XRES:
            return VBE_MAX_XRES
        if n == VBE_YRES:
            return VBE_MAX_YRES
        if n == VBE_BPP:
            return VBE_MAX_BPP
    return r.vbe[n]


cdef inline u16 within(u32 v, u32 low, u32 high) noexcept nogil:
    return <u16>(low if v < low else high if v > high else v)


cdef inline void vbe_fit(VgaRegs *r, u64 size) noexcept nogil:
    """Bring all registers of an enabled interface into range."""
    cdef u32 bpp = r.vbe[VBE_BPP], bits, most
    if bpp != 4 and bpp != 8 and bpp != 15 and bpp != 16 and bpp != 24 and bpp != 32:
        bpp = 8
        r.vbe[VBE_BPP] = 8
    bits = (bpp + 7) & 0x38 if bpp != 4 else 4
    r.vbe[VBE_XRES] = within(r.vbe[VBE_XRES] & 0xFFF8, 8, VBE_MAX_XRES)
    r.vbe[VBE_YRES] = within(r.vbe[VBE_YRES], 1, VBE_MAX_YRES)
    most = <u32>((size * 8 // bits) // r.vbe[VBE_YRES]) & ~<u32>7       # pixels a line can have
    if r.vbe[VBE_XRES] > most:
        r.vbe[VBE_YRES] = within(<u32>((size * 8 // bits) // r.vbe[VBE_XRES]), 1, VBE_MAX_YRES)
        most = r.vbe[VBE_XRES]
    r.vbe[VBE_VIRT_WIDTH] = within(r.vbe[VBE_VIRT_WIDTH] & 0xFFF8, r.vbe[VBE_XRES], most if most < 0xFFF8 else 0xFFF8)
    r.vbe[VBE_VIRT_HEIGHT] = within(<u32>(size // vbe_pitch(r)), r.vbe[VBE_YRES], 0xFFFF)
    r.vbe[VBE_X_OFFSET] = within(r.vbe[VBE_X_OFFSET], 0, r.vbe[VBE_VIRT_WIDTH] - r.vbe[VBE_XRES])
    r.vbe[VBE_Y_OFFSET] = within(r.vbe[VBE_Y_OFFSET], 0, r.vbe[VBE_VIRT_HEIGHT] - r.vbe[VBE_YRES])


# 1: the mode was enabled by this write (clear memory unless VBE_NOCLEAR)
cdef inline bint vbe_write(VgaRegs *r, u32 v, u64 size) noexcept nogil:
    cdef u32 n = r.vbe_index
    cdef bint on = (r.vbe[VBE_ENABLE] & VBE_ENABLED) != 0
    if n >= VBE_REGS or n == VBE_VIRT_HEIGHT or n == VBE_MEMORY:
        return 0
    if n == VBE_ID:
        if VBE_ID0 <= v <= VBE_ID5:
            r.vbe[VBE_ID] = <u16>v
        return 0
    if n == VBE_BANK:
        r.vbe[VBE_BANK] = <u16>(v & <u32>((size >> 16) - 1))
        return 0
    if n == VBE_ENABLE:
        r.vbe[VBE_ENABLE] = <u16>v
        r.vbe[VBE_BANK] = 0
        if v & VBE_ENABLED and not on:
            r.vbe[VBE_VIRT_WIDTH] = r.vbe[VBE_X_OFFSET] = r.vbe[VBE_Y_OFFSET] = 0
            vbe_fit(r, size)
            return 1
        return 0
    r.vbe[n] = <u16>v
    if on:
        vbe_fit(r, size)
    return 0
