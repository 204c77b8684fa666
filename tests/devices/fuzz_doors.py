"""Random accesses to every device of a PC, through its board: ports, memory and configuration space, with time, interrupts and
DMA, keys, frames and media coming and going, and a processor that runs now and then whatever has become of its memory.

    python tests/devices/fuzz_doors.py --each 10000000 [--only ide,vga] [--seed 1]

The run is a function of the seed.  Under the debug build (README.md here) a sanitizer watches; a turn that takes longer than
TURN_SECONDS is a hang and ends the program with a traceback.  test_fuzz_doors.py runs some of it.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import tempfile
import time
from pathlib import Path

from emu_core_pyx.doorcheck import DoorFuzz
from fuzz_scripts import (
    ARENA,
    ARENA_SIZE,
    E1000_IO,
    E1000_MMIO,
    FLASH_BYTES,
    LFB,
    NE2K_IO,
    NE2K_ISA,
    TARGETS,
    VGA_REGS,
    Script,
    mem,
    port,
)

import emu
from emu import layout as at
from emu.images.disk import Disk
from emu.net.config import Nic

TURN = 5000  # steps between two looks from outside
TURN_SECONDS = 120
# 16-bit code at the top of the flash: an interrupt table of its own, then HLT with interrupts on
CODE = bytes.fromhex("fa31c08ed08ed8bc007c31ffb90001c70500ffc7450200f083c704e2f3b80400fbf4ebfc")
HANDLER = bytes.fromhex("50b020e6a0e62058cf")


def firmware() -> bytes:
    """What the processor starts with: F000:FF00 is the handler of every interrupt."""
    image = bytearray(b"\xff" * FLASH_BYTES)
    image[-0x1000 : -0x1000 + len(CODE)] = CODE
    image[-0x100 : -0x100 + len(HANDLER)] = HANDLER
    image[-16:-11] = b"\xea\x00\xf0\x00\xf0"
    return bytes(image)


class Fuzz:
    """A machine with everything in it, and who pokes at it."""

    def __init__(self, target: str, seed: int, folder: Path) -> None:
        self.rnd = random.Random(seed)
        self.folder = folder
        for name, size in (
            ("hd", 1 << 20),
            ("hd2", 3 << 19),
            ("cd", 1 << 19),
            ("cd2", 1 << 18),
            ("fd", 1474560),
            ("fd2", 737280),
        ):
            if not (folder / name).exists():
                (folder / name).write_bytes(random.Random(size).randbytes(size))
        if not (folder / "flash").exists():
            (folder / "flash").write_bytes(firmware())
        self.vm = emu.Machine(
            memory="4M",
            hda=Disk(folder / "hd", format="raw"),
            hdb=Disk(folder / "hd2", format="raw"),
            cdrom=folder / "cd",
            fda=Disk(folder / "fd", format="raw"),
            disks=(Disk(folder / "flash", interface="pflash", format="raw"),),
            hpet=True,
            vga_mib=1,
            debug_exit=emu.DebugExitConfig(),
            debugcon=emu.SerialConfig(),
            nics=(
                Nic("ne2k_isa", iobase=NE2K_ISA, peer=self._answer),
                Nic("ne2k_pci", addr=3, peer=self._answer),
                Nic("e1000", addr=4, peer=self._answer),
            ),
        )
        self.doors, scripts = TARGETS[target]
        self.calm = self._stream(seed, [d for d in self.doors if d[0] != "config"], [s for s in scripts if s[0][0] != "config"])
        self.wild = self._stream(~seed & 0xFFFFFFFF, self.doors, scripts)  # may take the doors away
        self.turns = self.ends = 0
        self.kib = [0, 0]
        self.place()

    def _stream(self, seed: int, doors: list[tuple[str, int, int]], scripts: list[Script]) -> DoorFuzz:
        fuzz = DoorFuzz(self.vm.engine, seed, ARENA, ARENA_SIZE)
        for door in doors:
            fuzz.add(*door)
        for script in scripts:
            fuzz.script(script)
        fuzz.handled = len(scripts)
        for row in (port(0xA0, 0x20), port(0x20, 0x20), mem(at.LAPIC + 0xB0, 0)):
            fuzz.script([row])
        return fuzz

    def _answer(self, frame: bytes, reply: object) -> None:
        if len(frame) >= 14 and self.rnd.random() < 0.5:
            reply(frame[6:12] + frame[:6] + frame[12:])  # type: ignore[operator]

    def place(self) -> None:
        """Base addresses where the doors are, as firmware puts them there."""
        devices = self.vm.board.devices
        for name, off, value in (
            ("vga", 0x10, LFB),
            ("vga", 0x18, VGA_REGS),
            ("net1", 0x10, NE2K_IO | 1),
            ("net2", 0x10, E1000_MMIO),
            ("net2", 0x14, E1000_IO | 1),
            ("ide", 0x20, at.BUS_MASTER_IDE | 1),
        ):
            devices[name].py_config_write(off, value, 4)
        for name in ("vga", "net1", "net2", "ide", "pm"):
            devices[name].py_config_write(4, 7, 2)
        devices["ide"].py_config_write(0x40, 0x80008000, 4)
        devices["pm"].set_base(at.PM_BASE)
        for base, vector, wiring in ((0x20, 8, 4), (0xA0, 0x70, 2)):
            for off, value in ((0, 0x11), (1, vector), (1, wiring), (1, 1), (1, 0)):
                self.vm.engine.bus.outp(base + off, value)
        for value in (0x34, 0x00, 0x04):
            self.vm.engine.bus.outp(0x43 if value == 0x34 else 0x40, value)
        for k in range(4):
            devices["piix3"].py_config_write(0x60 + k, 10, 1)

    def outside(self) -> None:
        """What comes from outside: keys, motion, bytes, frames, media; the picture is looked at."""
        rnd, vm, devices = self.rnd, self.vm, self.vm.board.devices
        what = rnd.randrange(8)
        if what == 0:
            for _ in range(rnd.randrange(20)):
                if devices["i8042"].keyboard.room:
                    (devices["i8042"].keyboard.press if rnd.random() < 0.6 else devices["i8042"].keyboard.release)(
                        rnd.choice((0x1C, 0x2C, 0x3B, 0x57, 0x48, 0x10))
                    )
        elif what == 1:
            devices["i8042"].mouse.move(rnd.randrange(-3000, 3000), rnd.randrange(-3000, 3000), rnd.randrange(-9, 9))
            devices["i8042"].mouse.buttons(rnd.randrange(32))
        elif what == 2:
            for serial in vm.serials:
                serial.send(rnd.randbytes(rnd.randrange(40)))
        elif what in (3, 4):
            for k, net in enumerate(vm.board.net_ports):
                for _ in range(rnd.randrange(30)):
                    mac = rnd.choice(
                        (
                            b"\xff" * 6,
                            devices[f"net{k}"].mac if hasattr(devices[f"net{k}"], "mac") else bytes(6),
                            b"\x01\x00\x5e\0\0\1",
                        )
                    )
                    net.deliver(mac + rnd.randbytes(rnd.choice((8, 54, 60, 200, 1508, 9000))))
                net.link = rnd.random() < 0.8
        elif what == 5:
            self.count("floppy0")
            drive = vm.drives["floppy0"]
            drive.eject() if rnd.random() < 0.5 else drive.insert(Disk(self.folder / rnd.choice(("fd", "fd2")), format="raw"))
        elif what == 6:
            self.count("ide1-cd0")
            drive = vm.drives["ide1-cd0"]
            drive.eject() if rnd.random() < 0.3 else drive.insert(str(self.folder / rnd.choice(("cd", "cd2"))))
        image = vm.screen.image() if self.turns % 4 == 0 or ("ports", 0x3B0, 48) in self.doors else None
        if image is not None:
            assert image.shape[0] * image.shape[1] < 1 << 26
        vm.screen.text()

    def turn(self, steps: int = TURN) -> None:
        """Some steps, then the outside, then the processor for a while."""
        self.turns += 1
        (self.wild if self.turns % 8 == 0 else self.calm).run(steps)
        self.outside()
        self.vm.run(seconds=0.01, instructions=self.rnd.choice((20, 300, 3000)))
        if self.vm.ended:
            self.ends += 1
            self.vm.reset()
        if self.turns % 8 < 2:
            self.place()
        if self.turns % 50 == 0:
            self.check_state()

    def check_state(self) -> None:
        """Loading what was saved changes nothing."""
        for name, device in self.vm.board.devices.items():
            saved = device.save()
            device.load(saved)
            assert device.save() == saved, name

    def settle(self) -> None:
        """Standard media in the drives, no host's business pending: what a state does not hold."""
        self.vm.drives["floppy0"].insert(Disk(self.folder / "fd", format="raw"))
        self.vm.drives["ide1-cd0"].insert(str(self.folder / "cd"))
        self.vm.run(seconds=0.01, instructions=20)

    def copy_media(self, folder: Path) -> Path:
        """Images for a twin."""
        folder.mkdir()
        for path in self.folder.iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
        return folder

    def become(self, other: Fuzz) -> None:
        """The other machine's processor, devices and memory."""
        self.vm.write_phys(0, bytes(other.vm.engine.mem.ram[:0xA0000]))
        self.vm.write_phys(0xC0000, bytes(other.vm.engine.mem.ram[0xC0000:]))
        self.vm.engine.load_cpu(other.vm.engine.save_cpu())
        for name, device in other.vm.board.devices.items():
            self.vm.board.devices[name].load(device.save())
        self.vm.engine.load_cpu(other.vm.engine.save_cpu())

    def count(self, *names: str) -> None:
        """Remember what a drive's medium has seen, before it goes."""
        for name in names:
            opened = self.vm.drives[name].opened
            if opened is not None:
                self.kib[0] += opened.medium.bytes_read >> 10
                self.kib[1] += opened.medium.bytes_written >> 10

    def summary(self) -> str:
        """What the steps have made happen, in words."""
        self.count(*self.vm.drives)
        nets, streams = self.vm.board.net_ports, (self.calm, self.wild)
        return (
            f"{sum(f.interrupts for f in streams)} interrupts, {sum(f.stops for f in streams)} stops, {self.ends} resets, "
            f"{self.kib[0]} KiB read, {self.kib[1]} KiB written, {sum(n.sent for n in nets)} frames sent, "
            f"{sum(n.received for n in nets)} received, digest {self.calm.digest ^ self.wild.digest:016x}"
        )

    def close(self) -> None:
        self.vm.close()


def run(target: str, steps: int, seed: int, folder: Path) -> Fuzz:
    """`steps` random steps at one device; the machine after them."""
    fuzz = Fuzz(target, seed, folder)
    for done in range(0, steps, TURN):
        faulthandler.dump_traceback_later(TURN_SECONDS, exit=True)
        fuzz.turn(min(TURN, steps - done))
    faulthandler.cancel_dump_traceback_later()
    fuzz.check_state()
    return fuzz


def main() -> None:
    parser = argparse.ArgumentParser(description="random accesses to every device")
    parser.add_argument("--each", type=int, default=100_000, help="steps for each device")
    parser.add_argument("--only", default=",".join(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for target in args.only.split(","):
        with tempfile.TemporaryDirectory(prefix="doors-") as folder:
            began = time.perf_counter()
            fuzz = run(target, args.each, args.seed, Path(folder))
            print(f"{target:9} {args.each} steps, {fuzz.summary()}, {time.perf_counter() - began:.0f} s", flush=True)
            fuzz.close()


if __name__ == "__main__":
    main()
