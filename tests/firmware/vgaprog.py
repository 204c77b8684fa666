"""Programs for the VGA BIOS: registers of the card, its memory and what the BIOS writes down, as steps of biosprog."""
from __future__ import annotations

from pathlib import Path

from biosprog import Answer, Program, run_emu, run_qemu

STOCK = Path("/usr/share/seabios/vgabios-stdvga.bin")
BUFFER, FONT = 0x3000, 0x5000
Answers = dict[str, Answer | bytes]


class VgaProgram(Program):
    """Steps with the names of one VGA."""

    def int10(self, name: str, **given: int) -> None:
        """INT 10h."""
        self.call(name, 0x10, **given)

    def mode(self, mode: int) -> None:
        """Set a standard mode."""
        self.int10(f"set {mode:02x}", ax=mode)

    def data(self, name: str) -> None:
        """The BIOS data area of the display."""
        self.dump(f"{name} bda", 0x40, 0x49, 0x1E)
        self.dump(f"{name} bda2", 0x40, 0x84, 7)

    def hardware(self, name: str, mono: bool = False) -> None:
        """All registers of the VGA; the DAC through INT 10h AX=1017h."""
        crtc = 0x3B4 if mono else 0x3D4
        self.port(f"{name} misc", 0x3CC)
        for chip, port, count in (("seq", 0x3C4, 5), ("crtc", crtc, 25), ("gr", 0x3CE, 9)):
            for k in range(count):
                self.out(port, k)
                self.port(f"{name} {chip} {k:02x}", port + 1)
        for k in range(21):
            self.port(f"{name} -", crtc + 6)
            self.out(0x3C0, k)
            self.port(f"{name} attr {k:02x}", 0x3C1)
        self.port(f"{name} -", crtc + 6)
        self.out(0x3C0, 0x20)
        self.port(f"{name} dac mask", 0x3C6)
        self.int10(f"{name} -", ax=0x1017, bx=0, cx=256, es=BUFFER, dx=0)
        self.dump(f"{name} dac", BUFFER, 0, 768)

    def font(self, height: int) -> None:
        """A font of the test's own for graphics modes: no two glyphs alike, none empty but blank."""
        glyphs = bytes(0 if c == 32 else (c * 7 + y * 37 ^ c >> 3 | (c if y == 0 else 0)) & 0xFF
                       for c in range(256) for y in range(height))
        self.poke(FONT, 0, glyphs)
        self.poke(0, 0x7C, (128 * height).to_bytes(2, "little") + FONT.to_bytes(2, "little"))
        self.poke(0, 0x10C, b"\0\0" + FONT.to_bytes(2, "little"))

    def memory(self, name: str, mode: int, offset: int, size: int) -> None:
        """Memory of a mode; of every plane in planar ones."""
        segment = 0xB000 if mode == 7 else 0xB800 if mode < 7 else 0xA000
        if segment == 0xA000 and mode != 0x13:
            for plane in range(4):
                self.out(0x3CE, 4)
                self.out(0x3CF, plane)
                self.dump(f"{name} plane {plane}", segment, offset, size)
            self.out(0x3CF, 0)
        else:
            self.dump(f"{name} memory", segment, offset, size)


def on_qemu(p: Program, folder: Path, rom: Path | None) -> Answers:
    """Under QEMU with this VGA BIOS; None: its own."""
    card = f"VGA,romfile={rom}" if rom else "VGA"
    return run_qemu(p, None, folder, "-vga", "none", "-device", card)


def on_emu(p: Program, folder: Path) -> Answers:
    """Under emu with our BIOSes."""
    return run_emu(p, None, folder)
