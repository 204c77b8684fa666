"""Bochs as oracle: run a kernel of the protection suite on Debian's package, without a BIOS or a disk.

    if bochs.missing() is None:
        text = bochs.run(elf, directory)        # what the program wrote to port 0xE9

The program's ELF segments become a boot ROM (native/rom.S).  A program ends by the word "Shutdown" at port 0x8900; a triple fault
ends it too, and the text then ends with "SHUTDOWN".  Needs the packages bochs, bochs-sdl and bochsbios, and GNU as.

DEVIATION of the oracle: none of its devices is used but ports 0xE9 and 0x8900.
"""
import os
import shutil
import struct
import subprocess
from pathlib import Path

ROM_SIZE = 0x40000
ROM_BASE = 0xFFFC0000
STUB_SIZE = 0x1000
DATA = 0x400
PT_LOAD = 1
MODEL = "core2_penryn_t9600"        # every feature of our 32-bit models; one of the debugger's own list
VGABIOS = Path("/usr/share/bochs/VGABIOS-lgpl-latest")
STUB = Path(__file__).with_name("native") / "rom.S"

CONFIG = """
display_library: sdl2
megs: 32
cpu: model={model}, count=1, ignore_bad_msrs=0, ips=50000000, reset_on_triple_fault=0
romimage: file={rom}, address={base:#x}
vgaromimage: file={vgabios}
port_e9_hack: enabled=1
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none
log: {log}
panic: action=fatal
error: action=ignore
info: action=report
debug: action=ignore
"""


def missing():
    """What is not there, or None."""
    for tool in ("bochs", "as", "ld"):
        if shutil.which(tool) is None:
            return f"no {tool} on this machine"
    if not any(Path("/usr/lib").glob("*/bochs/plugins/libbx_sdl2_gui.so")):
        return "no bochs-sdl on this machine"
    return None if VGABIOS.exists() else "no Bochs VGA BIOS on this machine"


def boot_rom(elf, directory):
    """ROM image that starts the 32-bit ELF program."""
    stub = Path(directory) / "rom"
    subprocess.run(["as", "--32", "-o", f"{stub}.o", str(STUB)], check=True, capture_output=True)
    subprocess.run(["ld", "-m", "elf_i386", "-Ttext=0", "-e", "0", "--oformat", "binary", "-o", f"{stub}.bin", f"{stub}.o"],
                   check=True, capture_output=True)
    data = Path(elf).read_bytes()
    entry, headers = struct.unpack_from("<II", data, 24)
    image, at, table = bytearray(ROM_SIZE), DATA, b""
    for k in range(struct.unpack_from("<H", data, 44)[0]):
        kind, offset, _, where, size = struct.unpack_from("<5I", data, headers + 32 * k)
        if kind == PT_LOAD and size:
            image[at:at + size] = data[offset:offset + size]
            table += struct.pack("<III", where, ROM_BASE + at, size)
            at += size
    if at > ROM_SIZE - STUB_SIZE or len(table) > DATA - 16:
        raise ValueError(f"{elf} does not fit the boot ROM")
    table = struct.pack("<I", entry) + table + bytes(12)
    image[:len(table)] = table
    image[-STUB_SIZE:] = Path(f"{stub}.bin").read_bytes()
    return bytes(image)


def run(elf, directory, model=MODEL, seconds=60):
    """Run a program to its end; its output. `directory` takes the working files."""
    work = Path(directory)
    work.mkdir(exist_ok=True)
    (work / "boot.rom").write_bytes(boot_rom(elf, work))
    (work / "go").write_text("c\n")             # the package has the debugger built in: continue
    (work / "bochsrc").write_text(CONFIG.format(model=model, rom=work / "boot.rom", base=ROM_BASE, vgabios=VGABIOS,
                                                log=work / "log"))
    done = subprocess.run(["bochs", "-q", "-f", str(work / "bochsrc"), "-rc", str(work / "go")], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=seconds, env=os.environ | {"SDL_VIDEODRIVER": "dummy"})
    out = done.stdout.decode("latin-1")
    text = out.split("; e90df0\n", 1)[-1] if "; e90df0\n" in out else out      # after the debugger's first line
    text = text.split("(0).[", 1)[0]
    if b"3rd (" in done.stderr:
        text += "SHUTDOWN\n"
    return text
