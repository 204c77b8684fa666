"""What a monitor on the VGA shows, as RGB bytes: the rasteriser and its memory of what it has drawn.

`paint` looks at registers and VRAM, draws the lines that can have changed, and says whether any pixel was drawn.
Everything the picture depends on but VRAM is in `Key`: if that is as it was, only dirty pages (and blinking) matter.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.devices.vga_regs cimport VgaRegs

cdef enum:
    SHOW_BLANK = 0
    SHOW_TEXT = 1
    SHOW_PLANAR = 2         # through the shift registers: 2, 4, 16 and 256 colours
    SHOW_LINEAR = 3         # packed pixels of the Bochs interface
    MAX_LINES = 4096
    MAX_CHARS = 2048        # characters in a line; the Bochs interface's 4 bpp modes have more than 256

cdef struct Key:            # compared as bytes: no padding, all of it filled
    u32 show
    u32 width               # pixels of the picture
    u32 height
    u32 chars               # character clocks in a line
    u32 dots                # a character is so wide: 8 or 9
    u32 wide                # each dot is shown twice (half dot clock)
    u32 pan                 # dots
    u32 start               # first address
    u32 pitch               # address step per row: character addresses, bytes when SHOW_LINEAR
    u32 bpp                 # SHOW_LINEAR
    u32 row_first           # row scan of the first line (preset row scan)
    u32 row_last            # of every row (maximum scan line)
    u32 repeat              # scan lines per row scan
    u32 split               # first line that starts at address 0; MAX_LINES: none
    u32 split_pan           # pan below it
    u32 shift               # shift register mode: 0 planes, 1 CGA, 2 nibbles
    u32 pair                # two nibbles make one 8-bit pixel
    u32 font[2]             # offsets into plane 2: attribute bit 3 clear, set
    u32 underline           # row scan
    u32 cursor_rows         # start, end << 8; 0xFFFF: off
    u32 blink               # attribute bit 7 blinks
    u32 line_graphics       # ninth dot of C0-DF
    u8 crtc_mode
    u8 crtc_dword           # CRT_UNDERLINE's two address bits
    u8 plain                # the CRTC's address bits play no part: 4 bpp of the Bochs interface
    u8 reserved
    u32 mask                # dwords of VRAM in reach, less one
    u32 lut[256]            # 0x00BBGGRR

cdef struct Picture:
    Key key
    u8 *rgb                 # height x width x 3
    u64 room
    u64 generation          # counts changes
    u32 n_rows              # rows of characters or lines in `row_at`
    u32 row_y[4096]         # first scan line of each row
    u32 row_at[4096]        # character address of each row
    u32 row_scan[4096]      # row scan of its first line
    u32 *cells              # last drawn: char, attribute, CELL_*; chars + 1 a row
    u64 cells_room
    u8 font[16384]          # both fonts, as last drawn: 32 bytes a character
    u8 line[18464]          # colour indices of one line: (MAX_CHARS + 3) * 9

cdef enum:
    CELL_HIDDEN = 1 << 16   # blinking, in the dark phase
    CELL_CURSOR = 1 << 17

# `dirty` has one byte per page of VRAM; `phase` counts frames (blinking).  `size` is a power of two.  0: nothing drawn.
cdef bint paint(Picture *p, const VgaRegs *r, const u8 *vram, u64 size, const u8 *dirty, bint any_dirty,
                u64 phase) noexcept nogil
# Only the key: what is shown and how large.
cdef void read_key(Key *k, const VgaRegs *r, u64 size) noexcept nogil
# Where the rows are (row_y, row_at, row_scan).
cdef void lay_out(Picture *p) noexcept nogil
# The address in VRAM's dwords of a character address, for row scan `scan`.
cdef u32 plane_address(const Key *k, u32 ma, u32 scan) noexcept nogil
