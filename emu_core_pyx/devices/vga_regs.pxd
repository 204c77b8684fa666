"""The registers of a VGA with the Bochs display interface, as one struct that memory access and rasteriser share.

Names are IBM's: sequencer `seq`, CRT controller `crtc`, graphics controller `gr`, attribute controller `attr`.
Spec: IBM VGA/XGA Technical Reference (1992), "VGA Function"; Bochs VBE Display API (vbe_display_api.txt).
"""
from emu_core_pyx.types cimport u8, u16, u32

cdef enum:
    # miscellaneous output
    MISC_COLOUR = 0x01          # CRT controller and status 1 at 3Dx, else 3Bx
    # sequencer
    SEQ_CLOCKING = 1
    SEQ_MAP_MASK = 2
    SEQ_FONT = 3
    SEQ_MODE = 4
    SEQ_8DOT = 0x01             # in SEQ_CLOCKING
    SEQ_HALF_CLOCK = 0x08
    SEQ_SCREEN_OFF = 0x20
    SEQ_SEQUENTIAL = 0x04       # in SEQ_MODE: not odd/even
    SEQ_CHAIN4 = 0x08
    # CRT controller
    CRT_HTOTAL = 0x00
    CRT_HDISP = 0x01
    CRT_VTOTAL = 0x06
    CRT_OVERFLOW = 0x07
    CRT_PRESET_ROW = 0x08
    CRT_MAX_SCAN = 0x09
    CRT_CURSOR_START = 0x0A
    CRT_CURSOR_END = 0x0B
    CRT_START_HIGH = 0x0C
    CRT_START_LOW = 0x0D
    CRT_CURSOR_HIGH = 0x0E
    CRT_CURSOR_LOW = 0x0F
    CRT_VSYNC_START = 0x10
    CRT_VSYNC_END = 0x11
    CRT_VDISP = 0x12
    CRT_OFFSET = 0x13
    CRT_UNDERLINE = 0x14
    CRT_MODE = 0x17
    CRT_LINE_COMPARE = 0x18
    CRT_REGS = 0x19
    CRT_PROTECT = 0x80          # in CRT_VSYNC_END
    CRT_DWORD = 0x40            # in CRT_UNDERLINE
    CRT_COUNT_4 = 0x20
    CRT_A13 = 0x01              # in CRT_MODE: 0 puts the row's bit 0 there (CGA)
    CRT_A14 = 0x02
    CRT_LINES_2 = 0x04
    CRT_COUNT_2 = 0x08
    CRT_WRAP = 0x20
    CRT_BYTE = 0x40
    # graphics controller
    GR_SET = 0
    GR_ENABLE_SET = 1
    GR_COMPARE = 2
    GR_ROTATE = 3
    GR_READ_MAP = 4
    GR_MODE = 5
    GR_MISC = 6
    GR_DONT_CARE = 7
    GR_BIT_MASK = 8
    GR_REGS = 9
    # attribute controller
    AR_MODE = 0x10
    AR_OVERSCAN = 0x11
    AR_PLANES = 0x12
    AR_PAN = 0x13
    AR_SELECT = 0x14
    AR_REGS = 0x15
    AR_LINE_GRAPHICS = 0x04     # in AR_MODE
    AR_BLINK = 0x08
    AR_PAN_SPLIT = 0x20         # line compare ends panning
    AR_8BIT = 0x40
    AR_P54 = 0x80
    AR_SCREEN_ON = 0x20         # in the index register: palette belongs to the display
    # Bochs display interface
    VBE_ID = 0
    VBE_XRES = 1
    VBE_YRES = 2
    VBE_BPP = 3
    VBE_ENABLE = 4
    VBE_BANK = 5
    VBE_VIRT_WIDTH = 6
    VBE_VIRT_HEIGHT = 7
    VBE_X_OFFSET = 8
    VBE_Y_OFFSET = 9
    VBE_MEMORY = 10
    VBE_REGS = 11
    VBE_ENABLED = 0x01          # in VBE_ENABLE
    VBE_GETCAPS = 0x02
    VBE_8BIT_DAC = 0x20
    VBE_LFB = 0x40
    VBE_NOCLEAR = 0x80

cdef struct VgaRegs:
    u8 misc
    u8 feature
    u8 enable           # video subsystem enable (3C3), stored
    u8 seq_index
    u8 crtc_index
    u8 gr_index
    u8 attr_index       # with AR_SCREEN_ON
    u8 attr_data        # flip-flop: the next write to 3C0 is data
    u8 dac_mask
    u8 dac_state        # what 3C7 reads: 3 reading, 0 writing
    u8 dac_read
    u8 dac_write
    u8 dac_sub          # component next to go over 3C9
    u8 dac_part[3]
    u8 seq[8]
    u8 crtc[32]
    u8 gr[16]
    u8 attr[32]
    u8 dac[768]
    u32 latch           # one byte per plane
    u16 vbe_index
    u16 vbe[16]


cdef inline u32 spread(u32 planes) noexcept nogil:
    """0xFF in byte k for bit k: what four planes take part."""
    return ((planes & 0xF) * 0x00204081 & 0x01010101) * 0xFF


cdef inline bint vbe_on(const VgaRegs *r) noexcept nogil:
    return r.vbe[VBE_ENABLE] & VBE_ENABLED != 0


cdef inline bint vbe_linear(const VgaRegs *r) noexcept nogil:
    """A packed-pixel mode of the Bochs interface: memory is one plain array."""
    return r.vbe[VBE_ENABLE] & VBE_ENABLED != 0 and r.vbe[VBE_BPP] != 4


cdef inline u32 vbe_pitch(const VgaRegs *r) noexcept nogil:
    """Bytes of VRAM from one line to the next (4 bpp: four planes, so half a byte a pixel as well)."""
    cdef u32 bpp = r.vbe[VBE_BPP]
    if bpp == 4:
        return r.vbe[VBE_VIRT_WIDTH] >> 1
    return <u32>r.vbe[VBE_VIRT_WIDTH] * ((bpp + 7) >> 3)
