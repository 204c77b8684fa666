"""The VGA's ports: sequencer, graphics, attribute and CRT controllers, DAC, and where the beam is.

Nothing here touches memory; the caller is told when what the A0000 window does may have changed.
Spec: IBM VGA/XGA Technical Reference, "VGA Function", register descriptions.
"""
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.devices.vga_regs cimport VgaRegs

# Port 3C0 + off; `now` in virtual ns.  vga_write: 1 when a sequencer or graphics controller register was written.
cdef u32 vga_read(VgaRegs *r, u32 off, u64 now) noexcept nogil
cdef bint vga_write(VgaRegs *r, u32 off, u8 v) noexcept nogil
# Ports 3x4, 3x5 and 3xA (off 4, 5, 0xA), wherever they are.
cdef u32 crt_read(VgaRegs *r, u32 off, u64 now) noexcept nogil
cdef void crt_write(VgaRegs *r, u32 off, u8 v) noexcept nogil
# Pixels since power-on, and the total size of a frame in them, blanking included.
cdef void vga_frame(const VgaRegs *r, u64 now, u64 *pixels, u64 *width, u64 *height) noexcept nogil
