"""Linux kernels built from Debian's source, for what Debian's own are built without: the logo.

    python tests/linux_source.py [CONFIG]       build one of Debian's configuration files with the logo added, say where it is

Needs make, gcc, flex, bison and bc; the source and what was built lie among the guests, each built once.
"""
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from guests import Guests, GuestUnavailable, find_guests, newest

TOOLS = ("make", "gcc", "ld", "flex", "bison", "bc")
# On top of tinyconfig: a console on the frame buffers a PC can have without a driver for its card.
SCREEN = """
TTY VT VT_CONSOLE PRINTK SERIAL_8250 SERIAL_8250_CONSOLE BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT DEVTMPFS PROC_FS SYSFS
FB FB_VESA FB_SIMPLE SYSFB_SIMPLEFB FRAMEBUFFER_CONSOLE LOGO FONTS FONT_8x16
""".split()
# On top of Debian's: the logo, and nothing that a build outside Debian cannot do or that only a debugger reads.
ON_DEBIANS = ("-e", "LOGO", "-e", "DEBUG_INFO_NONE", "-d", "DEBUG_INFO", "-d", "DEBUG_INFO_BTF", "-d", "MODULE_SIG",
              "-d", "SECURITY_LOCKDOWN_LSM", "--set-str", "SYSTEM_TRUSTED_KEYS", "", "--set-str", "SYSTEM_REVOCATION_KEYS", "")


@dataclass(frozen=True)
class BuiltKernel:
    """bzImage and, from the same source, what it draws with."""

    folder: Path

    @property
    def image(self) -> Path:
        """bzImage."""
        return self.folder / "bzImage"

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / "config"

    @property
    def logo(self) -> Path:
        """The logo of 224 colours, as PPM (P3)."""
        return self.folder / "logo_linux_clut224.ppm"

    @property
    def font(self) -> Path:
        """C source of the console's 8x16 font."""
        return self.folder / "font_8x16.c"


def build(guests: Guests, config: Path | None = None) -> BuiltKernel:
    """An i386 kernel: SCREEN on tinyconfig, or a configuration of Debian's with the logo; GuestUnavailable without the tools."""
    folder = guests.packages.folder / f"linux-built-{config.name if config else 'screen'}"
    if folder.exists():
        return BuiltKernel(folder)
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise GuestUnavailable(f"a kernel is built with {', '.join(missing)}; not on this machine")
    source = guests.common("linux-source-6.1", "usr/src/linux-source-6.1.tar.xz")
    with guests.packages.alone(".lock-linux"):
        if not folder.exists():
            _build(source, config, folder)
    return BuiltKernel(folder)


def _build(source: Path, config: Path | None, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".part-") as tmp:
        work, out = Path(tmp), Path(tmp) / "part"
        out.mkdir()

        def run(*command: str | Path, cwd: Path = work) -> None:
            done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                raise GuestUnavailable(f"{' '.join(map(str, command))}: {done.stderr.strip()[-600:]}")

        run("tar", "-xf", source)
        tree = work / "linux-source-6.1"
        make = ("make", "ARCH=i386", "-j2")
        if config is None:
            (tree / "kernel" / "configs" / "screen.config").write_text("".join(f"CONFIG_{name}=y\n" for name in SCREEN))
            run(*make, "tinyconfig", "screen.config", cwd=tree)
        else:
            shutil.copyfile(config, tree / ".config")
            run("scripts/config", *ON_DEBIANS, cwd=tree)
            run(*make, "olddefconfig", cwd=tree)
        run(*make, "bzImage", cwd=tree)
        for path, name in (("arch/x86/boot/bzImage", "bzImage"), (".config", "config"), ("lib/fonts/font_8x16.c", "font_8x16.c"),
                           ("drivers/video/logo/logo_linux_clut224.ppm", "logo_linux_clut224.ppm")):
            shutil.copyfile(tree / path, out / name)
        out.rename(target)      # whole or not at all


def debian_config(guests: Guests) -> Path:
    """Of the 686 kernel."""
    found = newest(guests.kernel.parent.glob("config-*"))
    if found is None:
        raise GuestUnavailable("the kernel's package has no configuration")
    return found


if __name__ == "__main__":
    own = find_guests("i386")
    print(build(own, Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else debian_config(own)).image)
