"""What a driver would do to each device, as rows of likely writes with some bits left to chance, for fuzz_doors.py.

TARGETS has for every device its doors (kind, base, size) and its scripts; see emu_core_pyx/doorcheck.pyx for what rows are.
"""

from __future__ import annotations

from collections.abc import Iterator

from emu import layout as at

ARENA = 0x10000  # where scripts let devices find descriptors
ARENA_SIZE = 0x4000
VGA_FN, IDE_FN, PM_FN, PIIX_FN, NE2K_FN, E1000_FN = 0x10, 0x09, 0x0B, 0x08, 0x18, 0x20
E1000_MMIO, E1000_IO, NE2K_IO, NE2K_ISA = 0xFEB00000, 0xC100, 0xC200, 0x300
LFB, VGA_REGS = 0xFD000000, 0xFEBF0000
FLASH_BYTES = 0x20000
FLASH = at.FOUR_GIB - FLASH_BYTES
ANY8, ANY16, ANY32, IN_ARENA = 0xFF, 0xFFFF, 0xFFFFFFFF, (ARENA_SIZE - 1) & ~15

Row = tuple[str, int, int, int, int]
Script = list[Row]


def port(number: int, value: int, free: int = 0, size: int = 1) -> Row:
    return ("ports", number, size, value, free)


def mem(addr: int, value: int, free: int = 0, size: int = 4) -> Row:
    return ("memory", addr, size, value, free)


def config(devfn: int, offset: int, value: int, free: int = 0, size: int = 4) -> Row:
    return ("config", devfn << 8 | offset, size, value, free)


def wait(ns: int) -> Row:
    return ("wait", 0, 0, ns, 0)


def repeat(number: int, out: bool = False, size: int = 2, count: int = 256) -> Row:
    """Elements through a data port."""
    return ("repeat", number, size, int(out), count)


def indexed(base: int, count: int, data: int = 0) -> list[Script]:
    """Every register behind an index port, with any value."""
    return [[port(base, k), port(data or base + 1, 0, ANY8)] for k in range(count)]


def each(number: int, values: Iterator[int] | list[int] | range) -> list[Script]:
    return [[port(number, v)] for v in values]


# ---- likely programs, by device ----------------------------------------------------------------------------------------
def pic() -> list[Script]:
    init = [[port(p, 0x11, 0x0B), port(p + 1, 8, 0xF8), port(p + 1, 4, 6), port(p + 1, 1, 0x13)] for p in (0x20, 0xA0)]
    return (
        init
        + [s for p in (0x20, 0xA0) for s in each(p, [0x20, 0x60, 0x80, 0xA0, 0xC0, 0xE0, 0x0A, 0x0B, 0x0C, 0x68, 0x48])]
        + [[port(0x21, 0, ANY8)], [port(0xA1, 0, ANY8)], [port(0x4D0, 0, ANY16, 2)]]
    )


def pit() -> list[Script]:
    return [[port(0x43, c), port(0x40 + (c >> 6) % 3, 0, ANY8), port(0x40 + (c >> 6) % 3, 0, ANY8)] for c in range(256)] + [
        [port(0x61, 0, 3)],
        [port(0x43, 0x34), port(0x40, 1), port(0x40, 0)],
    ]


def uart() -> list[Script]:
    return [[port(b + r, 0, ANY8)] for b in (0x3F8, 0x2F8, 0x3E8, 0x2E8) for r in range(8)] + [
        [port(b + 2, 0xC7), port(b + 1, 0x0F), port(b + 4, 0x1B, 0x10), port(b, 0, ANY8)] for b in (0x3F8, 0x2F8)
    ]


def kbc() -> list[Script]:
    commands = (0x20, 0x60, 0x61, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAD, 0xAE, 0xC0, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xE0, 0xFE)
    keys = (
        0xED,
        0xEE,
        0xF0,
        0xF2,
        0xF3,
        0xF4,
        0xF5,
        0xF6,
        0xF7,
        0xFA,
        0xFB,
        0xFD,
        0xFE,
        0xFF,
        0xE6,
        0xE7,
        0xE8,
        0xE9,
        0xEA,
        0xEB,
    )
    return (
        [[port(0x64, c), port(0x60, 0, ANY8)] for c in commands]
        + [[port(0x60, k), port(0x60, 0, ANY8)] for k in keys]
        + [[port(0x64, 0xD4), port(0x60, k)] for k in keys]
        + [[port(0x64, 0x60), port(0x60, 3, 0x70)]]
        + [[port(0x64, 0xD4), port(0x60, 0xF3), port(0x64, 0xD4), port(0x60, r)] for r in (200, 100, 80)]
    )


def fdc() -> list[Script]:
    def command(*parts: tuple[int, int]) -> Script:
        return [port(0x3F5, value, free) for value, free in parts]

    rw = [(0, 7), (0, 0x7F), (0, 1), (1, 31), (2, 3), (18, 31), (27, 0), (255, 0)]
    dma = [
        port(0x0C, 0),
        port(0x0B, 0x46, 0x1C),
        port(4, 0, ANY8),
        port(4, 0, ANY8),
        port(0x81, 1, 2),
        port(5, 255, ANY8),
        port(5, 1, 15),
        port(0x0A, 2),
        port(8, 0, 0),
    ]
    clean = [
        port(0x3F2, 0),
        port(0x3F2, 0x1C),
        wait(10_000_000),
        *[row for _ in range(4) for row in (*command((8, 0)), repeat(0x3F5, size=1, count=2))],
        *command((7, 0), (0, 0)),
        wait(50_000_000),
        *command((8, 0)),
        repeat(0x3F5, size=1, count=2),
    ]
    clean += [port(0x3F7, 0)]
    good = [(0, 0), (0, 0), (0, 0), (1, 15), (2, 0), (18, 0), (27, 0), (255, 0)]
    tidy = [
        port(0xD0, 0),
        port(0xD6, 0xC0),
        port(0xD4, 0),
        port(0x0C, 0),
        port(4, 0, 0xF0),
        port(4, 0, ANY8),
        port(0x81, 1),
        port(5, 255),
        port(5, 0, 31),
        port(0x0A, 2),
        port(8, 0),
    ]
    out = [
        clean + tidy + [port(0x0B, 0x4A if c & 1 else 0x46)] + command((c, 0), *good) + [wait(200_000_000)]
        for c in (0x46, 0x45, 0xE6, 0xC5, 0x4C, 0x49, 0x42, 0x51)
    ]
    out += [
        clean + tidy + [port(0x0B, 0x4A)] + command((0x4D, 0), (0, 0), (2, 0), (18, 0), (27, 0), (0, ANY8)) + [wait(300_000_000)]
    ]
    out += [dma + command((c, 0xE0), *rw) for c in (0x06, 0x05, 0x46, 0x45, 0xE6, 0xC5, 0x42, 0x4C, 0x09, 0x51, 0x16, 0x59, 0x5D)]
    out += [
        dma + command((0x4D, 0), (0, 7), (2, 3), (18, 15), (27, 0), (0, ANY8)),
        command((7, 0), (0, 3)),
        command((8, 0)),
        command((15, 0x80), (0, 7), (0, 0x7F)),
        command((0x4A, 0), (0, 7)),
        command((3, 0), (0xDF, ANY8), (2, 1)),
        command((4, 0), (0, 7)),
        command((0x13, 0), (0, 0), (0x40, ANY8), (0, 0)),
        command((0x0E, 0)),
        command((0x10, 0)),
        command((0x12, 0), (0, ANY8)),
        command((0x94, 0x80)),
        command((0x18, 0)),
        command((0x8E, 0), *[(0, ANY8)] * 6),
    ]
    return (
        out + each(0x3F2, [0x1C, 0x1D, 0x2D, 0x0C, 0, 4]) + [[port(0x3F2, 0, ANY8)], [port(0x3F7, 0, 3)], [port(0x3F4, 0, ANY8)]]
    )


def dma() -> list[Script]:
    out = [[port(8, 0, ANY8)], [port(0xD0, 0, ANY8)], [port(0x0D, 0)], [port(0xDA, 0)], [port(0x0E, 0)], [port(0xDC, 0)]]
    for k in range(4):
        out.append(
            [
                port(0x0C, 0),
                port(2 * k, 0, ANY8),
                port(2 * k, 0, ANY8),
                port(2 * k + 1, 0, ANY8),
                port(2 * k + 1, 0, ANY8),
                port(0x0B, k, 0xFC),
                port(0x0A, k),
            ]
        )
        out.append([port(0xD8, 0), port(0xC0 + 4 * k, 0, ANY8), port(0xC2 + 4 * k, 0, ANY8), port(0xD6, k, 0xFC), port(0xD4, k)])
    return out + [[port(0x81 + k, 0, ANY8)] for k in range(15)]


ATA = (
    0x00,
    0x08,
    0x10,
    0x20,
    0x24,
    0x25,
    0x29,
    0x27,
    0x30,
    0x34,
    0x35,
    0x37,
    0x39,
    0x40,
    0x42,
    0x50,
    0x70,
    0x90,
    0x91,
    0x92,
    0xA0,
    0xA1,
    0xB0,
    0xC4,
    0xC5,
    0xC6,
    0xC8,
    0xCA,
    0xE0,
    0xE1,
    0xE2,
    0xE3,
    0xE4,
    0xE5,
    0xE6,
    0xE7,
    0xE8,
    0xEA,
    0xEC,
    0xEF,
    0xF8,
    0xF9,
)
PACKETS = (
    0x00,
    0x03,
    0x12,
    0x1A,
    0x1B,
    0x1E,
    0x25,
    0x28,
    0x2B,
    0x42,
    0x43,
    0x44,
    0x45,
    0x46,
    0x47,
    0x4A,
    0x4B,
    0x4E,
    0x51,
    0x55,
    0x5A,
    0xA8,
    0xAD,
    0xB9,
    0xBB,
    0xBD,
    0xBE,
)


def ide() -> list[Script]:
    out: list[Script] = []
    for base, ctl, bm in ((0x1F0, 0x3F6, at.BUS_MASTER_IDE), (0x170, 0x376, at.BUS_MASTER_IDE + 8)):
        clean = [port(ctl, 4), wait(10_000), port(ctl, 0), wait(10_000_000)]
        aim = [
            port(base + 6, 0xE0, 0x10),
            port(base + 2, 1, ANY8),
            port(base + 3, 0, ANY8),
            port(base + 4, 0, 7),
            port(base + 5, 0),
        ]
        prd = [port(bm, 0), port(bm + 2, 6), port(bm + 4, ARENA, IN_ARENA, 4)]
        out += [aim + [port(base + 7, c)] for c in ATA]
        out += [prd + aim + [port(base + 7, c), port(bm, d)] for c in (0xC8, 0xCA, 0x25, 0x35) for d in (1, 9)]
        out += [clean + aim + [port(base + 7, c), wait(20_000_000), repeat(base, c in (0x30, 0x34, 0xC5, 0xE8))] for c in ATA]
        out += [
            clean + prd + aim + [port(base + 7, c), port(bm, 9 if c & 0x12 == 0 else 1), wait(50_000_000)]
            for c in (0xC8, 0xCA, 0x25, 0x35)
        ]
        for packet in PACKETS:
            words = [
                port(base, packet, 0x0300, 2),
                port(base, 0, 0, 2),
                port(base, 0, 0x00FF, 2),
                port(base, 0, 0x1F00, 2),
                port(base, 0, ANY8, 2),
                port(base, 0, ANY16, 2),
            ]
            head = [
                port(base + 6, 0xA0, 0x10),
                port(base + 1, 0, 1),
                port(base + 4, 0, ANY8),
                port(base + 5, 8, 15),
                port(base + 7, 0xA0),
            ]
            out += [head + words, prd + head + words + [port(bm, 9)]]
            out += [
                clean + head + [wait(1_000_000)] + words + [wait(20_000_000), repeat(base, False)],
                clean + prd + head + [wait(1_000_000)] + words + [port(bm, 9), wait(50_000_000)],
            ]
        out += each(ctl, [0, 2, 4, 6, 0x80]) + [[port(bm + 2, 0, ANY8)], [port(bm, 0, ANY8)]]
    prds = [[mem(ARENA + 8 * k, ARENA, IN_ARENA), mem(ARENA + 8 * k + 4, 0x200, 0x80003FE)] for k in range(16)]
    return out + prds + [[mem(ARENA + 4, 0x80000000, 0x80000FFE)], [mem(ARENA, E1000_MMIO, 0x1FFFC), mem(ARENA + 4, 0x80000200)]]


def rtc() -> list[Script]:
    return indexed(0x70, 128) + [[port(0x70, 0x0A), port(0x71, 0x20, 0x0F), port(0x70, 0x0B), port(0x71, 0x02, 0x74)]]


def fw_cfg() -> list[Script]:
    selects = [[port(0x510, k, 0, 2)] for k in [*range(0x40), 0x8000, 0x8003, 0xC000, 0xFFFF]]
    job = [mem(ARENA, 0, 0x1F000000 | 0xFF00), mem(ARENA + 4, 0, 0xFFFF0000), mem(ARENA + 8, 0), mem(ARENA + 12, 0x100, 0x2FF00)]
    go = [port(0x514, 0, 0, 4), port(0x518, int.from_bytes(ARENA.to_bytes(4, "big"), "little"), 0, 4)]
    self_dma = [mem(ARENA + 8, 0), mem(ARENA + 12, int.from_bytes((E1000_MMIO + 0x3818).to_bytes(4, "big"), "little"))]
    return selects + [job, go, job + go, [*job, *self_dma, *go]]


def pci(devfn: int) -> list[Script]:
    return [[config(devfn, off, 0, ANY32)] for off in range(4, 256, 4)] + [[config(devfn, 4, 7, ANY16, 2)]]


def chipset() -> list[Script]:
    return (
        pci(0)
        + pci(PIIX_FN)
        + each(0xCF9, [0, 2, 4, 6, 14])
        + each(0x92, range(4))
        + [[config(0, 0x59 + k, 0, ANY8, 1)] for k in range(7)]
    )


def pm() -> list[Script]:
    return (
        pci(PM_FN)
        + [[port(0x600 + 2 * k, 0, ANY16, 2)] for k in range(32)]
        + [[port(0xB2, 0, ANY8)], [port(0x604, 0, 0x3C00, 2)]]
    )


def vga() -> list[Script]:
    vbe = [[port(0x1CE, k, 0, 2), port(0x1CF, 0, ANY16, 2)] for k in range(16)]
    modes = [
        [
            port(0x1CE, 4, 0, 2),
            port(0x1CF, 0, 0, 2),
            port(0x1CE, 1, 0, 2),
            port(0x1CF, w, 0, 2),
            port(0x1CE, 2, 0, 2),
            port(0x1CF, h, 0, 2),
            port(0x1CE, 3, 0, 2),
            port(0x1CF, b, 0, 2),
            port(0x1CE, 4, 0, 2),
            port(0x1CF, 1, 0xE0, 2),
        ]
        for w, h in ((640, 480), (800, 600), (1920, 1080), (320, 200), (1, 1), (16, 65535), (65535, 1))
        for b in (4, 8, 15, 16, 24, 32)
    ]
    crtc = [[port(0x3D4, 0x11), port(0x3D5, 0), port(0x3D4, k), port(0x3D5, 0, ANY8)] for k in range(32)]
    small = [
        [port(0x3D4, k), port(0x3D5, v)]
        for k, v in ((1, 79), (1, 0), (7, 0x1F), (9, 0x4F), (9, 0), (0x12, 0x8F), (0x13, 40), (0x18, 0xFF))
    ]
    attr = [[port(0x3C0, k, 0x20), port(0x3C0, 0, ANY8)] for k in range(32)]
    return (
        vbe
        + modes
        + crtc
        + small
        + attr
        + indexed(0x3C4, 8)
        + indexed(0x3CE, 16)
        + pci(VGA_FN)
        + [[port(0x3C2, 0, ANY8)], [port(0x3C8, 0, ANY8), port(0x3C9, 0, ANY8)], [port(0x3C7, 0, ANY8)], [port(0x3C6, 0xFF, 15)]]
    )


def lapic() -> list[Script]:
    regs = (0x80, 0xB0, 0xD0, 0xE0, 0xF0, 0x280, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3E0)
    return (
        [[mem(at.LAPIC + r, 0, ANY32)] for r in regs]
        + [[mem(at.LAPIC + 0x310, 0, 0xFF000000), mem(at.LAPIC + 0x300, 0x4000, 0xCCFFF)]] * 6
        + [
            [mem(at.LAPIC + 0xF0, 0x1FF)],
            [mem(at.LAPIC + 0x320, 0x20030, 0x60000), mem(at.LAPIC + 0x3E0, 0xB, 15), mem(at.LAPIC + 0x380, 100, 0xFFFF)],
            [mem(at.LAPIC + 0xB0, 0)],
        ]
    )


def ioapic() -> list[Script]:
    out = [[mem(at.IOAPIC, k), mem(at.IOAPIC + 0x10, 0, 0xFFFF if k & 1 == 0 else 0xFF000000)] for k in range(0x40)]
    return out + [[mem(at.IOAPIC, k), mem(at.IOAPIC + 0x10, 0x30, 0xA0FF)] for k in range(0x10, 0x40, 2)]


def hpet() -> list[Script]:
    out = [
        [mem(at.HPET + 0x10, 0, 3)],
        [mem(at.HPET + 0x20, 0, ANY32)],
        [mem(at.HPET + 0xF0, 0, ANY32)],
        [mem(at.HPET + 0x10, 1)],
    ]
    for k in range(3):
        base = at.HPET + 0x100 + 0x20 * k
        out += [
            [mem(base, 0, 0x7F7E)],
            [mem(base, 0x4C), mem(base + 8, 100, 0xFFF), mem(base + 8, 1, 0xFFFF)],
            [mem(base + 8, 0, ANY32)],
        ]
    return out


def pflash() -> list[Script]:
    cell = FLASH + 0x8000
    return [
        [mem(FLASH + 0x100 * k, c, 0, 1)]
        for k in range(4)
        for c in (0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xB0, 0xD0, 0xE8, 0xF0, 0xFF)
    ] + [
        [mem(cell, 0x40, 0, 1), mem(cell, 0, ANY32)],
        [mem(cell, 0x20, 0, 1), mem(cell, 0xD0, 0, 1)],
        [mem(cell, 0xE8, 0, 1), mem(cell, 7, 63, 1), *[mem(cell + k, 0, ANY8, 1) for k in range(8)], mem(cell, 0xD0, 0, 1)],
    ]


def ne2k(base: int) -> list[Script]:
    def reg(page: int, r: int, value: int, free: int = 0) -> Script:
        return [port(base, 0x22 | page << 6), port(base + r, value, free)]

    setup = [
        port(base, 0x21),
        port(base + 0x0E, 0x49, 0x7F),
        port(base + 1, 0x46),
        port(base + 2, 0x60),
        port(base + 3, 0x46),
        port(base + 0x0C, 4, 0x1F),
        port(base + 0x0D, 0, 6),
        port(base + 7, 0xFF),
        port(base + 0x0F, 0x7F),
        port(base, 0x22),
    ]
    copy = [port(base + 8, 0, ANY8), port(base + 9, 0x40, 0x3F), port(base + 0x0A, 0, ANY8), port(base + 0x0B, 0, 3)]
    send = [port(base + 4, 0x40, 0x3F), port(base + 5, 64, ANY8), port(base + 6, 0, 7), port(base, 0x26)]
    return (
        [setup, setup, [*copy, port(base, 0x0A)], [*copy, port(base, 0x12)], send, [port(base + 0x1F, 0)]]
        + [reg(page, r, 0, ANY8) for page in range(4) for r in range(1, 16)]
        + [[port(base, 0, ANY8)]]
        + [[port(base + 0x10, 0, ANY16, 2)] * 16]
    )


def e1000() -> list[Script]:
    def r(off: int, value: int, free: int = 0) -> Row:
        return mem(E1000_MMIO + off, value, free)

    known = (
        0,
        8,
        0x10,
        0x14,
        0x18,
        0x20,
        0x28,
        0x2C,
        0x30,
        0x38,
        0xC0,
        0xC4,
        0xC8,
        0xD0,
        0xD8,
        0x100,
        0x170,
        0x178,
        0x400,
        0x410,
        0x2160,
        0x2168,
        0x2800,
        0x2804,
        0x2808,
        0x2810,
        0x2818,
        0x2820,
        0x282C,
        0x3800,
        0x3804,
        0x3808,
        0x3810,
        0x3818,
        0x3820,
        0x3828,
        0x382C,
        0x5000,
        0x5200,
        0x5400,
        0x5404,
        0x5600,
        0x5800,
        0x5808,
    )
    tx = [r(0x3800, ARENA, IN_ARENA), r(0x3804, 0), r(0x3808, 0x100, 0x380), r(0x3810, 0), r(0x400, 0x10A), r(0x3818, 4, 15)]
    rx = [
        r(0x2800, ARENA, IN_ARENA),
        r(0x2804, 0),
        r(0x2808, 0x100, 0x380),
        r(0x2810, 0),
        r(0x100, 0x8002, 0x07FF87FC),
        r(0x2818, 7, 15),
    ]
    legacy = [
        [
            mem(ARENA + 16 * k, ARENA, 0x3FFF),
            mem(ARENA + 16 * k + 4, 0),
            mem(ARENA + 16 * k + 8, 0x0B000040, 0xF40007FF),
            mem(ARENA + 16 * k + 12, 0, ANY32),
        ]
        for k in range(16)
    ]
    context = [
        [
            mem(ARENA + 16 * k, 0x00220E0E, 0x1FFF1F1F),
            mem(ARENA + 16 * k + 4, 0x00003222, 0xFF1F1F),
            mem(ARENA + 16 * k + 8, 0x25000100, 0x0F0007FF),
            mem(ARENA + 16 * k + 12, 0x00403600, 0x7F7F00),
        ]
        for k in range(16)
    ]
    data = [
        [
            mem(ARENA + 16 * k, ARENA, 0x3FFF),
            mem(ARENA + 16 * k + 4, 0),
            mem(ARENA + 16 * k + 8, 0x2D100040, 0xD2000FFF),
            mem(ARENA + 16 * k + 12, 0x300, 0x300),
        ]
        for k in range(16)
    ]
    own = [
        [mem(ARENA + 16 * k, E1000_MMIO + off, 0), mem(ARENA + 16 * k + 4, 0)]
        for k in range(4)
        for off in (0x3818, 0x2818, 0x3810)
    ]
    ring = [[r(0x3800, E1000_MMIO + 0x3810), r(0x3808, 0x80), r(0x3818, 7)], [r(0x2800, E1000_MMIO + 0x2810)]]
    eeprom = [[r(0x14, 1, ANY16 << 8)], [r(0x10, 0x100, 0xFF)], [r(0x20, 0, ANY32)]]
    return (
        [[r(off, 0, ANY32)] for off in known]
        + [tx, rx, tx, rx] * 3
        + legacy
        + context
        + data
        + own
        + ring
        + eeprom
        + pci(E1000_FN)
        + [[r(0, 0x4000000)], [r(0x5400, 0x12005452), r(0x5404, 0x80005634)], [r(0xD0, ANY32)]]
        + [[port(E1000_IO, off, 0, 4), port(E1000_IO + 4, 0, ANY32, 4)] for off in known]
    )


# name: doors (kind, base, size) and scripts
TARGETS: dict[str, tuple[list[tuple[str, int, int]], list[Script]]] = {
    "pic": ([("ports", 0x20, 2), ("ports", 0xA0, 2), ("ports", 0x4D0, 2)], pic()),
    "pit": ([("ports", 0x40, 4), ("ports", 0x61, 1)], pit()),
    "rtc": ([("ports", 0x70, 2)], rtc()),
    "kbc": ([("ports", 0x60, 1), ("ports", 0x64, 1)], kbc()),
    "uart": ([("ports", b, 8) for b in (0x3F8, 0x2F8, 0x3E8, 0x2E8)], uart()),
    "small": ([("ports", p, n) for p, n in ((0x80, 1), (0x92, 1), (0xE9, 1), (0xF0, 2), (0x501, 2))], each(0x92, range(4))),
    "dma": ([("ports", 0, 16), ("ports", 0xC0, 32), ("ports", 0x81, 15)], dma()),
    "fdc": ([("ports", 0x3F0, 6), ("ports", 0x3F7, 1), ("ports", 0, 16), ("ports", 0x81, 3)], fdc() + pic()[:2]),
    "ide": (
        [
            ("ports", 0x1F0, 8),
            ("ports", 0x170, 8),
            ("ports", 0x3F6, 1),
            ("ports", 0x376, 1),
            ("ports", at.BUS_MASTER_IDE, 16),
            ("config", IDE_FN, 256),
        ],
        ide() + pci(IDE_FN),
    ),
    "fw_cfg": ([("ports", 0x510, 12)], fw_cfg()),
    "chipset": ([("ports", 0xCF8, 8), ("config", 0, 256), ("config", PIIX_FN, 256), ("memory", 0xC0000, 0x40000)], chipset()),
    "pm": ([("ports", 0x600, 64), ("ports", 0xB2, 2), ("ports", 0x700, 16), ("config", PM_FN, 256)], pm()),
    "vga": (
        [
            ("ports", 0x3B0, 48),
            ("ports", 0x1CE, 4),
            ("memory", 0xA0000, 0x20000),
            ("memory", LFB, 1 << 20),
            ("memory", VGA_REGS, 0x1000),
            ("config", VGA_FN, 256),
        ],
        vga(),
    ),
    "lapic": ([("memory", at.LAPIC, 0x1000)], lapic()),
    "ioapic": ([("memory", at.IOAPIC, 0x20)], ioapic()),
    "hpet": ([("memory", at.HPET, 0x400)], hpet()),
    "pflash": ([("memory", FLASH, FLASH_BYTES)], pflash()),
    "ne2k_isa": ([("ports", NE2K_ISA, 32)], ne2k(NE2K_ISA)),
    "ne2k_pci": ([("ports", NE2K_IO, 32), ("config", NE2K_FN, 256)], ne2k(NE2K_IO) + pci(NE2K_FN)),
    "e1000": ([("memory", E1000_MMIO, 0x20000), ("ports", E1000_IO, 64), ("config", E1000_FN, 256)], e1000()),
}
TARGETS["all"] = (
    [door for doors, _ in TARGETS.values() for door in doors][:60],
    [script for name, (_, scripts) in TARGETS.items() for script in scripts if name != "uart"],
)
