"""Build what `roms/` holds from its sources: `python firmware/build.py [--check]`.

GNU as, gcc (-m32) and ld; the same inputs give the same bytes (no paths, dates or build ids in the
output).  `--check` builds aside and compares with roms/, for the test.
"""
import argparse
import hashlib
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


TARGETS = {"demo.elf": demo}


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--check", action="store_true", help="compare with roms/ instead of writing there; exit 1 if they differ")
    args = ap.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name, build in TARGETS.items():
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
                print(f"{digest}  {name}  {len(data)} bytes")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
