"""isolinux and its programs: they ask the firmware about memory, disks, VESA and DMI, hook its services, turn the power off."""
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from guests import Guests

import emu

CONFIG = """PROMPT 1
TIMEOUT 0
LABEL memtest
  KERNEL memtest
LABEL dos
  KERNEL memdisk
  INITRD dos.img
LABEL disk
  COM32 chain.c32
  APPEND hd0
LABEL menu
  COM32 vesamenu.c32
"""


@pytest.fixture(scope="module")
def cd(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CD with isolinux, its modules, memtest86+ and a floppy image for memdisk."""
    if not shutil.which("xorriso"):
        pytest.skip("xorriso makes the CD")
    folder = tmp_path_factory.mktemp("isolinux")
    tree = folder / "tree" / "isolinux"
    tree.mkdir(parents=True)
    modules = guests.common("syslinux-common", "usr/lib/syslinux/modules/bios/ldlinux.c32").parent
    for file, name in ((guests.common("isolinux", "usr/lib/ISOLINUX/isolinux.bin"), "isolinux.bin"), (guests.memtest, "memtest"),
                       (guests.common("syslinux-common", "usr/lib/syslinux/memdisk"), "memdisk"),
                       (guests.image("freedos722.img"), "dos.img"), *((path, path.name) for path in modules.glob("*.c32"))):
        shutil.copyfile(file, tree / name)
    (tree / "isolinux.cfg").write_text(CONFIG)
    boot = ["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-o", str(folder / "cd.iso"), *boot, str(tree.parent)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cd.iso"


@pytest.fixture(params=["seabios", "own"])
def vm(request: pytest.FixtureRequest, guests: Guests, cd: Path) -> Iterator[emu.Machine]:
    """At isolinux's prompt; a disk with GRUB is there, too."""
    firmware = {"firmware": guests.seabios, "vga_rom": guests.vgabios} if request.param == "seabios" else {}
    disk = emu.Disk(guests.grub("usb.img"), snapshot=True)
    with emu.Machine(memory="64M", cdrom=cd, hda=disk, boot="d", icount_shift=4, **firmware) as machine:
        machine.screen.expect("boot:", timeout=60)
        yield machine


def test_kernel_by_its_label(vm: emu.Machine) -> None:
    vm.keyboard.type("memtest\n")
    vm.screen.expect("Memtest86+ v6", timeout=60)


def test_memory_map(vm: emu.Machine) -> None:
    """INT 12h and all ways of INT 15h to ask; a map without holes, in order."""
    vm.keyboard.type("meminfo.c32\n")
    text = vm.screen.expect(re.compile(r"00000000fffc0000x.*\n.*boot:"), timeout=20).before
    assert "INT 12h: 639K (0x9fc00)" in text and "INT 15 E801: 0x3c00 (15360K) 0x02" in text
    rows = re.findall(r"\d ([0-9a-f]{16})x ([0-9a-f]{16})x ([0-9a-f]{16})x (\d)", text)
    ends = [(int(start, 16), int(end, 16)) for start, _, end, _ in rows]
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))
    assert rows[0][3] == "1" and ends[0] == (0, 0x9FC00) and ends[3][0] == 0x100000 and rows[3][3] == "1"


def test_hardware_detection_tool(vm: emu.Machine) -> None:
    """It walks PCI, EDD, E820, DMI, VESA and the ACPI tables."""
    vm.keyboard.type("hdt.c32\n")
    vm.screen.expect(re.compile(r"PCI Devices\( ?5\).*Disks +\( ?1\).*VESA +>.*ACPI +>.*PCI Devices Menu", re.S), timeout=60)
    for key, answer in (("down", "Disks Menu"), ("ret", "Disk 1"), ("ret", r"Disk 0x80 \(EDD 30\)")):
        vm.keyboard.press(key)
        vm.screen.expect(re.compile(answer), timeout=20)
    vm.run(1)
    text = vm.screen.text()
    assert "Host Bus/Interface: PCI ATA / ATA" in text and "Sectors/Track     : 63" in text and "Grub2" in text


def test_floppy_in_memory(vm: emu.Machine) -> None:
    """memdisk answers INT 13h and 15h in the firmware's place; DOS boots from it and writes to it."""
    vm.keyboard.type("dos\n")
    vm.screen.expect(re.compile(r"^A:\\>", re.M), timeout=60)
    vm.keyboard.type("copy autoexec.bat kept.txt\ncls\ntype kept.txt\n")
    vm.screen.expect(re.compile(r"(?i)type kept\.txt\s.*path", re.S), timeout=30)


def test_chain_to_the_disk(vm: emu.Machine) -> None:
    vm.keyboard.type("disk\n")
    vm.screen.expect("GNU GRUB", timeout=60)


def test_graphical_menu(vm: emu.Machine) -> None:
    """640x480 by VESA; Tab and Escape lead back to text."""
    vm.keyboard.type("menu\n")
    vm.run(8)
    assert vm.screen.size == (640, 480) and not vm.screen.text_mode
    image = vm.screen.image()
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 4
    vm.keyboard.press("down")
    vm.run(1)
    changed = (vm.screen.image() != image).any(axis=2)
    assert 500 < changed.sum() < 60_000
    vm.keyboard.press("esc")
    vm.screen.expect("boot:", timeout=20)


def test_power_off_by_apm(vm: emu.Machine) -> None:
    vm.keyboard.type("poweroff.c32\n")
    assert vm.run(20).reason == "poweroff"


def test_reboot(vm: emu.Machine) -> None:
    vm.keyboard.type("reboot.c32\n")
    vm.run(1)
    vm.screen.expect("boot:", timeout=60)
    assert "reboot" not in vm.screen.text()
