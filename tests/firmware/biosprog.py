"""Programs of BIOS calls: built as an option ROM, run under QEMU or emu with any BIOS, answers read back.

    p = Program()
    p.call("ticks", 0x1A, ah=0x00)
    p.dump("vectors", 0, 0, 64)
    answers = run_emu(p, bios)          # {"ticks": Answer(...), "vectors": b"..."}
"""
from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import emu
from emu.config import SerialConfig

HERE = Path(__file__).resolve().parent
ROMS = HERE.parents[1] / "roms"
MAGIC = b"\x02EMU>"
REGISTERS = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp")
CF, ZF = 1, 0x40
RTC = "2026-01-31T12:34:56"
MEMORY_MIB = 64


@dataclass(frozen=True)
class Answer:
    """Registers after a call."""

    eax: int
    ebx: int
    ecx: int
    edx: int
    esi: int
    edi: int
    ebp: int
    ds: int
    es: int
    flags: int

    def __getattr__(self, name: str) -> int:
        """ax, al, ah and so on; cf, zf."""
        if name == "cf":
            return self.flags & CF
        if name == "zf":
            return self.flags >> 6 & 1
        if len(name) == 2:
            if name[1] in "xpi":
                return getattr(self, "e" + name) & 0xFFFF
            if name[1] in "lh":
                return getattr(self, f"e{name[0]}x") >> (8 if name[1] == "h" else 0) & 0xFF
        raise AttributeError(name)


def registers(**given: int) -> dict[str, int]:
    """The seven registers and ds, es, flags, from names of any width."""
    out = dict.fromkeys((*REGISTERS, "ds", "es", "flags"), 0)
    for name, value in given.items():
        if name in out:
            out[name] = value
        elif name[1] in "lh":
            out[f"e{name[0]}x"] |= value << (8 if name[1] == "h" else 0)
        else:
            out["e" + name] |= value
    return out


class Program:
    """Steps, in order; every call and dump has a name its answer is found by."""

    def __init__(self, at_boot: bool = False) -> None:
        self.at_boot = at_boot                          # run by INT 19h, with -boot order=n, and not while POST looks for ROMs
        self.steps = bytearray()
        self.expect: list[tuple[str, int]] = []         # name, bytes of the answer (0: registers)

    def call(self, name: str, interrupt: int, **given: int) -> None:
        """INT with these registers (others 0)."""
        r = registers(**given)
        r["flags"] |= 0x0202
        self.steps += struct.pack("<BB7I3H", 1, interrupt, *(r[k] for k in REGISTERS), r["ds"], r["es"], r["flags"])
        self.expect.append((name, 0))

    def dump(self, name: str, segment: int, offset: int, length: int) -> None:
        """Bytes of memory."""
        self.steps += struct.pack("<BHHH", 2, segment, offset, length)
        self.expect.append((name, length))

    def poke(self, segment: int, offset: int, data: bytes) -> None:
        """Put bytes into memory."""
        self.steps += struct.pack("<BHHH", 3, segment, offset, len(data)) + data

    def port(self, name: str, port: int) -> None:
        """Read a byte from a port."""
        self.steps += struct.pack("<BH", 4, port)
        self.expect.append((name, 1))

    def out(self, port: int, value: int) -> None:
        """Write a byte to a port."""
        self.steps += struct.pack("<BHB", 5, port, value)

    def hook(self, interrupt: int) -> None:
        """Count the calls of an interrupt from here on."""
        self.steps += struct.pack("<BB", 6, interrupt)

    def count(self, name: str) -> None:
        """How often the hooked interrupt came, 4 bytes."""
        self.steps += b"\7"
        self.expect.append((name, 4))

    def wait(self, ticks: int) -> None:
        """Until the timer has ticked so often."""
        self.steps += struct.pack("<BH", 8, ticks)

    def reset(self, name: str, shutdown_code: int) -> None:
        """A reset that goes on through 40:67; answers b"R"."""
        self.steps += struct.pack("<BB", 9, shutdown_code)
        self.expect.append((name, 1))

    def protected(self, name: str) -> None:
        """INT 15h AH=89h and back; answers "P", MSW, CS, "."."""
        self.steps += b"\x0a"
        self.expect.append((name, 4))

    def nested(self, name: str, ticks: int) -> None:
        """Services within services on foreign stacks, for so many ticks; answers calls and wrong answers, 16 bits each."""
        self.steps += struct.pack("<BH", 11, ticks)
        self.expect.append((name, 4))

    def rom(self, folder: Path) -> Path:
        """The option ROM."""
        (folder / "steps.bin").write_bytes(bytes(self.steps))
        blocks = (len(self.steps) + 0x900 + 511) // 512
        out = folder / "program.rom"
        defines = [f"-DROM_BLOCKS={blocks}", *["-DAT_BOOT"] * self.at_boot]
        subprocess.run(["nasm", "-f", "bin", *defines, "-o", str(out), str(HERE / "services.asm")], cwd=folder, check=True)
        image = bytearray(out.read_bytes())
        image[6] = 0
        if self.at_boot:
            pnp = image.index(b"$PnP")
            image[pnp + 9] = -sum(image[pnp:pnp + 32]) & 0xFF
        image[0x17] = -sum(image) + image[0x17] & 0xFF
        out.write_bytes(image)
        return out

    def read(self, text: bytes) -> dict[str, Answer | bytes]:
        """Answers in what came out of port 0xE9."""
        parts = text.split(MAGIC)
        assert len(parts) >= 3, f"the program did not come to its end; it said {text[-600:]!r}"
        data, at = parts[1], 0
        out: dict[str, Answer | bytes] = {}
        for name, size in self.expect:
            raw = data[at:at + (size or 34)]
            at += len(raw)
            out[name] = raw if size else Answer(*struct.unpack("<7I3H", raw))
        assert at == len(data), f"{len(data) - at} bytes more than expected"
        return out


def run_qemu(program: Program, bios: Path | None, folder: Path, *extra: str) -> dict[str, Answer | bytes]:
    """Under QEMU's PC; bios None: its SeaBIOS."""
    rom, log = program.rom(folder), folder / "qemu.log"
    options = ["-bios", str(bios)] if bios else []
    subprocess.run(["qemu-system-i386", *options, "-m", str(MEMORY_MIB), "-option-rom", str(rom), "-debugcon", f"file:{log}",
                    "-device", "isa-debug-exit,iobase=0x501,iosize=2", "-display", "none", "-net", "none", "-rtc",
                    f"base={RTC},clock=vm", *extra], timeout=20, stdin=subprocess.DEVNULL, capture_output=True)
    return program.read(log.read_bytes())


def run_emu(program: Program, bios: Path | None, folder: Path, **options: object) -> dict[str, Answer | bytes]:
    """Under emu; bios None: our own."""
    rom = program.rom(folder)
    with emu.Machine(memory=f"{MEMORY_MIB}M", firmware=bios, option_roms=(rom,), debugcon=SerialConfig("buffer"), rtc_base=RTC,
                     debug_exit=emu.config.DebugExitConfig(), **options) as vm:
        text = BytesIO()
        vm.debugcon.watch(text)
        vm.run(10)
        return program.read(text.getvalue())
