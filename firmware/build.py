"""Build what `roms/` holds from its sources: `python firmware/build.py [--check]`.

GNU as, gcc (-m32) and ld; the same inputs give the same bytes (no paths, dates or build ids in the
output), and their sums in roms/README.md follow.  `--check` builds aside and compares with roms/, for the test.
"""
import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROMS = HERE.parent / "roms"

CFLAGS = ["-m32", "-march=i486", "-Os", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin",
          "-fno-pic", "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-mno-sse",
          "-mno-mmx", "-mno-80387", "-ffile-prefix-map=.=."]


def demo(out: Path, work: Path) -> None:
    """The demo guest: a Multiboot ELF32 kernel."""
    src = HERE / "demo"
    objects = []
    for name in ("boot.S", "kernel.c", "console.c", "acpi.c", "shell.c"):
        obj = work / f"{name}.o"
        subprocess.run(["gcc", *CFLAGS, "-c", name, "-o", str(obj)], cwd=src, check=True)
        objects.append(str(obj))
    subprocess.run(["ld", "-m", "elf_i386", "--build-id=none", "-z", "noexecstack", "-z", "max-page-size=4096",
                    "--no-warn-rwx-segments", "-T", "kernel.ld", "-s", "-o", str(out), *objects], cwd=src, check=True)


FLAGS_BIOS = [*(f for f in CFLAGS if f != "-m32"), "-mregparm=3", "-mpreferred-stack-boundary=2", "-fomit-frame-pointer",
              "-fno-strict-aliasing", "--param=min-pagesize=0"]      # page 0 is the vector table
FLAGS16 = [*FLAGS_BIOS, "-m16"]
FLAGS_POST = [*FLAGS_BIOS, "-m32"]
LD = ["ld", "-m", "elf_i386", "--build-id=none", "-z", "noexecstack", "--no-warn-rwx-segments"]


def compile_all(src: Path, flags: list[str], work: Path) -> list[str]:
    """Every .S and .c file of a folder, in order of name; NAME_pic.c must run at any address. The objects."""
    objects = []
    for path in sorted([*src.glob("*.S"), *src.glob("*.c")], key=lambda p: p.name):
        obj = work / f"{src.name}_{path.name}.o"
        pic = ["-fpic"] if path.stem.endswith("_pic") else []
        subprocess.run(["gcc", *flags, *pic, "-c", path.name, "-o", str(obj)], cwd=src, check=True)
        objects.append(str(obj))
    return objects


def bios(out: Path, work: Path) -> None:
    """The system BIOS: the runtime (one 16-bit segment at E000h), then POST and the fixed entry points (F000h)."""
    src = HERE / "bios"
    runtime, post = work / "runtime.elf", work / "post.elf"
    subprocess.run([*LD, "-T", "bios.ld", "-o", str(runtime), *compile_all(src, FLAGS16, work),
                    *compile_all(src / "common", FLAGS16, work)], cwd=src, check=True)
    symbols = subprocess.run(["nm", "-g", "--defined-only", str(runtime)], check=True, capture_output=True, text=True).stdout
    places = work / "runtime_symbols.ld"
    rows = sorted((name, int(value, 16)) for value, _, name in (line.split() for line in symbols.splitlines()))
    places.write_text("".join(f"r16_{name} = {value + 0xE0000:#x}; o16_{name} = {value:#x};\n" for name, value in rows))
    glyphs = (HERE / "vgabios" / "fonts" / "8x8.hex").read_text().split()
    (work / "font8x8.bin").write_bytes(bytes.fromhex("".join(row.partition(":")[2] for row in glyphs[:128])))
    subprocess.run([*LD, "-T", "post.ld", "-o", str(post), *compile_all(src / "post", [*FLAGS_POST, f"-Wa,-I{work}"], work),
                    *compile_all(src / "common", FLAGS_POST, work), str(places)], cwd=src / "post", check=True)
    image = bytearray(0x20000)
    for elf, base in ((runtime, 0), (post, 0x10000)):
        flat = work / f"{elf.name}.bin"
        subprocess.run(["objcopy", "-O", "binary", str(elf), str(flat)], check=True)
        data = flat.read_bytes()
        if len(data) > 0x10000:
            raise SystemExit(f"{elf.name}: {len(data)} bytes do not fit into a segment")
        image[base:base + len(data)] = data
    image[0x1FFFF] = -sum(image[:0x1FFFF]) & 0xFF
    out.write_bytes(image)


def font(out: Path, work: Path) -> None:
    """The 8x16 font a direct boot finds in the graphics card: 16 bytes a character."""
    lines = (HERE / "vgabios" / "fonts" / "8x16.hex").read_text().split()
    out.write_bytes(b"".join(bytes.fromhex(line.split(":")[1]) for line in lines))


def linuxboot(out: Path, work: Path) -> None:
    """The option ROM that starts a kernel by its 16-bit entry."""
    obj, elf = work / "linuxboot.o", work / "linuxboot.elf"
    subprocess.run(["gcc", "-m32", "-c", "linuxboot.S", "-o", str(obj)], cwd=HERE / "linuxboot", check=True)
    subprocess.run([*LD, "-Ttext=0", "-e", "rom", "-o", str(elf), str(obj)], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", str(elf), str(out)], check=True)
    seal_pnp(out)


def multiboot(out: Path, work: Path) -> None:
    """The option ROM that starts Multiboot kernels: one segment, run in RAM."""
    src, elf = HERE / "multiboot", work / "multiboot.elf"
    objects = compile_all(src, FLAGS16, work) + compile_all(HERE / "bios" / "common", FLAGS16, work)
    subprocess.run([*LD, "-T", "multiboot.ld", "-e", "rom", "-o", str(elf), *objects], cwd=src, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", str(elf), str(out)], check=True)
    seal_pnp(out)


def seal_pnp(out: Path) -> None:
    """Fill an option ROM up to 512 bytes; its size, and the checksums of its PnP header and of the whole."""
    image = bytearray(out.read_bytes())
    if image[-1] or len(image) % 512:
        image += bytes(-(len(image) + 1) % 512 + 1)
    image[2] = len(image) // 512
    pnp = int.from_bytes(image[0x1A:0x1C], "little")
    image[pnp + 9] = -sum(image[pnp:pnp + 32]) & 0xFF
    image[-1] = -sum(image) & 0xFF
    out.write_bytes(image)


FLAGS_VGA = [*FLAGS16, "-fno-jump-tables", "-fno-tree-switch-conversion", "-fno-tree-loop-distribute-patterns"]


def vgabios(out: Path, work: Path) -> None:
    """The VGA BIOS: an option ROM of one segment, fonts included."""
    src, elf = HERE / "vgabios", work / "vgabios.elf"
    rows = []
    for height in (16, 14, 8):
        glyphs = [line.split(":")[1] for line in (src / "fonts" / f"8x{height}.hex").read_text().splitlines()]
        data = ",".join(str(byte) for glyph in glyphs for byte in bytes.fromhex(glyph))
        rows.append(f"__seg_gs const unsigned char font{height}[{256 * height}] = {{{data}}};")
    fonts = work / "fonts.c"
    fonts.write_text("\n".join(rows) + "\n")
    obj = work / "fonts.o"
    subprocess.run(["gcc", *FLAGS_VGA, "-c", str(fonts), "-o", str(obj)], check=True)
    subprocess.run([*LD, "-T", "vgabios.ld", "-o", str(elf), *compile_all(src, FLAGS_VGA, work), str(obj)], cwd=src, check=True)
    subprocess.run(["objcopy", "-O", "binary", str(elf), str(out)], check=True)
    image = bytearray(out.read_bytes())
    image += bytes(-(len(image) + 1) % 512 + 1)
    if len(image) > 0x10000:
        raise SystemExit(f"vgabios: {len(image)} bytes do not fit into a segment")
    pcir = int.from_bytes(image[0x18:0x1A], "little")
    image[2] = len(image) // 512
    image[pcir + 16:pcir + 18] = (len(image) // 512).to_bytes(2, "little")
    image[-1] = -sum(image) & 0xFF
    out.write_bytes(image)


TARGETS = {"vgabios.bin": vgabios, "demo.elf": demo, "bios.bin": bios, "linuxboot.bin": linuxboot, "multiboot.bin": multiboot,
           "font8x16.bin": font}


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("name", nargs="*", choices=[[], *TARGETS], help="only these images")
    ap.add_argument("--check", action="store_true", help="compare with roms/ instead of writing there; exit 1 if they differ")
    args = ap.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name, build in TARGETS.items():
            if args.name and name not in args.name:
                continue
            out = Path(tmp) / name
            build(out, Path(tmp))
            data = out.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if args.check:
                same = (ROMS / name).exists() and (ROMS / name).read_bytes() == data
                bad += not same
                print(f"{name}: {'as committed' if same else 'DIFFERS from roms/'}")
            else:
                (ROMS / name).write_bytes(data)
                readme = ROMS / "README.md"
                row = re.compile(rf"^(\| `{re.escape(name)}` \|.*`)[0-9a-f]{{64}}(` \|)$", re.M)
                readme.write_text(row.sub(rf"\g<1>{digest}\2", readme.read_text()))
                print(f"{digest}  {name}  {len(data)} bytes")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
