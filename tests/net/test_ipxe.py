"""Network boot: iPXE, with its own drivers and TCP, loads Debian's i386 kernel over TFTP and over HTTP, and pxelinux
the installer by its ROM.  From Debian's packages ipxe and ipxe-qemu.  The guest's clock runs 16 ns an instruction:
iPXE spends most of its time waiting for it.
"""
from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from guests import Guests, busybox_initramfs

import emu
from emu import Nic, Peer, UserConfig

CARDS = ("e1000", "ne2k_pci")
SCRIPT = "#!ipxe\nkernel {0}vmlinuz console=ttyS0 quiet initrd=initrd.gz\ninitrd {0}initrd.gz\nboot\n"


@pytest.fixture(scope="module")
def tftp(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tftp")
    (folder / "vmlinuz").write_bytes(guests.kernel.read_bytes())
    (folder / "initrd.gz").write_bytes(busybox_initramfs(guests.busybox))
    (folder / "boot.ipxe").write_text(SCRIPT.format(""))
    return folder


def boots(nic: Nic, **options: object) -> None:
    """A shell on the serial port, from the network."""
    with emu.Machine(memory="256M", nics=(nic,), icount_shift=4, **options) as vm:
        vm.serial.expect("/ # ", timeout=600)
        vm.serial.send("cat /proc/cmdline\n")
        vm.serial.expect(r"console=ttyS0 quiet initrd=initrd.gz", timeout=60)


@pytest.mark.parametrize("model", CARDS)
def test_the_kernel_image_loads_linux_by_tftp(guests: Guests, tftp: Path, model: str) -> None:
    boots(Nic(model, netdev=UserConfig(tftp=tftp, bootfile="boot.ipxe")), kernel=guests.common("ipxe", "boot/ipxe.lkrn"))


@pytest.fixture(scope="module")
def web(tftp: Path) -> Iterator[str]:
    """The same files from a server on this computer; its address as the guest sees it."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tftp)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://10.0.2.2:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("way", ["tftp", "http"])
@pytest.mark.parametrize("model", CARDS)
def test_the_cd_loads_linux(guests: Guests, tftp: Path, web: str, model: str, way: str) -> None:
    """DHCP names the script: a file, or an address."""
    lan = UserConfig(tftp=tftp, bootfile="boot.ipxe") if way == "tftp" else UserConfig(bootfile=web + "boot.ipxe")
    boots(Nic(model, netdev=lan), cdrom=guests.common("ipxe", "usr/lib/ipxe/ipxe.iso"), boot="d")


@pytest.mark.parametrize("model", CARDS)
def test_http_by_a_peer(guests: Guests, tftp: Path, tmp_path: Path, model: str) -> None:
    """The script is iPXE's initrd; names, addresses and HTTP come from functions in this process."""
    lan = Peer("10.7.0.1", dhcp="10.7.0.20", names={"server.lan": "10.7.0.1"})
    lan.serve_http({f"/{name}": (tftp / name).read_bytes() for name in ("vmlinuz", "initrd.gz")})
    script = tmp_path / "http.ipxe"
    script.write_text(SCRIPT.replace("#!ipxe\n", "#!ipxe\ndhcp\n").format("http://server.lan/"))
    boots(Nic(model, peer=lan), kernel=guests.common("ipxe", "boot/ipxe.lkrn"), initrd=script)


@pytest.mark.parametrize("firmware", ["ours", "seabios"])
@pytest.mark.parametrize("model", CARDS)
def test_boot_n_starts_the_card_s_rom(guests: Guests, tftp: Path, model: str, firmware: str) -> None:
    options: dict[str, object] = {}
    if firmware == "seabios":
        options["firmware"] = guests.seabios
    rom = guests.common("ipxe-qemu", f"usr/lib/ipxe/qemu/pxe-{model}.rom")
    boots(Nic(model, romfile=str(rom), netdev=UserConfig(tftp=tftp, bootfile="boot.ipxe")), boot="n", **options)


@pytest.mark.parametrize("firmware", ["ours", "seabios"])
def test_debians_installer_by_pxelinux(guests: Guests, firmware: str) -> None:
    """The card's ROM fetches pxelinux, which asks UNDI for its files: a picture and a menu; Escape leads to its prompt."""
    options: dict[str, object] = {}
    if firmware == "seabios":
        options |= {"firmware": guests.seabios, "vga_rom": guests.vgabios}
    folder = guests.installer().parents[1]
    rom = guests.common("ipxe-qemu", "usr/lib/ipxe/qemu/pxe-e1000.rom")
    nic = Nic("e1000", romfile=str(rom), netdev=UserConfig(tftp=folder, bootfile="/pxelinux.0"))
    with emu.Machine(memory="512M", nics=(nic,), boot="n", icount_shift=3, **options) as vm:
        while vm.now_ns < 60e9 and vm.screen.size != (640, 480):
            vm.run(1)
        vm.run(3)
        assert len(np.unique(vm.screen.image().reshape(-1, 3), axis=0)) > 500
        vm.keyboard.press("esc")
        vm.screen.expect("boot:", timeout=20)
        vm.keyboard.type("install vga=normal console=ttyS0 priority=low\n")
        vm.serial.expect("Debian installer main menu", timeout=300)


def test_bad_roms_are_named(tmp_path: Path) -> None:
    text = tmp_path / "a.rom"
    text.write_text("no ROM")
    with pytest.raises(emu.EmuError, match=r"a\.rom.* is no option ROM"):
        emu.Machine(nics=(Nic(romfile=str(text)),))
    with pytest.raises(emu.EmuError, match=r"b\.rom.* does not exist"):
        emu.Machine(nics=(Nic(romfile=str(tmp_path / "b.rom")),))
    with pytest.raises(emu.EmuError, match="ne2k_isa has no socket for a romfile"):
        Nic("ne2k_isa", romfile="x.rom")
