"""Network options in QEMU's spelling become configuration; what is wrong is said before the guest starts."""
from __future__ import annotations

import socket
from pathlib import Path

import pytest

from emu.cli.options import Leave, Options, parse
from emu.cli.qemu import main_i386
from emu.errors import ConfigError
from emu.net.config import Nic
from emu.net.stream import StreamConfig, TapConfig
from emu.net.user import Forward, GuestForward, UserConfig, UserNet


def nics(*argv: str) -> tuple[Nic, ...]:
    options = parse(["-kernel", "/dev/null", *argv], Options())
    return options.config().nics


def test_nic_user() -> None:
    nic, = nics("-nic", "user,model=ne2k_pci,mac=52:54:00:aa:bb:cc,hostfwd=tcp::2222-:22,hostfwd=udp:0.0.0.0:53-10.0.2.20:53,"
                "net=10.1.0.0/16,dnssearch=a.b,restrict=on,tftp=/srv,bootfile=x.0")
    assert nic.model == "ne2k_pci" and nic.address(0) == bytes.fromhex("525400aabbcc")
    assert nic.netdev == UserConfig(net="10.1.0.0/16", dnssearch=("a.b",), restrict=True, tftp="/srv", bootfile="x.0", hostfwd=(
        Forward("tcp", "127.0.0.1", 2222, "", 22), Forward("udp", "0.0.0.0", 53, "10.0.2.20", 53)))


def test_netdev_with_device_and_capture(tmp_path: Path) -> None:
    first, second = nics("-netdev", "user,id=a,guestfwd=tcp:10.0.2.9:80-cmd:cat", "-device", "e1000,netdev=a,addr=7",
                         "-object", f"filter-dump,id=f,netdev=a,file={tmp_path / 'x.pcap'},maxlen=100",
                         "-netdev", "socket,id=b,listen=:1234", "-device", "ne2k_isa,netdev=b,iobase=0x320,irq=5")
    assert first.addr == 7 and first.captures[0].maxlen == 100 and first.netdev == UserConfig(
        guestfwd=(GuestForward("10.0.2.9", 80, "cmd:cat"),))
    assert second.netdev == StreamConfig("tcp:127.0.0.1:1234", True) and (second.iobase, second.irq) == (0x320, 5)
    assert second.address(1) == bytes.fromhex("525400123457")


def test_other_backends_and_old_spelling() -> None:
    assert nics("-nic", "stream,addr.type=unix,addr.path=/x,server=on")[0].netdev == StreamConfig("unix:/x", True)
    assert nics("-nic", "tap,ifname=t0,script=no")[0].netdev == TapConfig("t0")
    nic, = nics("-net", "nic,model=ne2k_pci", "-net", "user,hostfwd=:80-:8080")
    assert nic.model == "ne2k_pci" and isinstance(nic.netdev, UserConfig) and nic.netdev.hostfwd[0].port == 80
    assert nics("-net", "none") == nics("-nic", "none") == nics() == ()


@pytest.mark.parametrize(("words", "argv"), [
    ("unknown network card 'e100'; did you mean 'e1000'", ("-nic", "user,model=e100")),
    ("not an address like", ("-nic", "user,mac=nonsense")), ("group address", ("-nic", "user,mac=01:00:00:00:00:00")),
    ("is not [tcp|udp]", ("-nic", "user,hostfwd=22")), ("not HOST:PORT", ("-nic", "user,hostfwd=tcp::99999-:22")),
    ("guest's port is missing", ("-nic", "user,hostfwd=tcp::2222-:0")), ("unknown parameter 'hostfw'", ("-nic", "user,hostfw=1")),
    ("belong to the user network", ("-nic", "tap,hostfwd=tcp::1-:2")),
    ("does not belong to this backend", ("-nic", "user,listen=:1")),
    ("needs id=", ("-netdev", "user")), ("used by no card", ("-netdev", "user,id=a")), ("two with id=a", (
        "-netdev", "user,id=a", "-netdev", "user,id=a")), ("no -netdev with id=b", ("-device", "e1000,netdev=b")),
    ("used by two cards", ("-netdev", "user,id=a", "-device", "e1000,netdev=a", "-device", "e1000,netdev=a")),
    ("contradict", ("-nic", "none", "-nic", "user")), ("'bridge' is not here", ("-nic", "bridge")),
    ("unknown backend 'usr'; did you mean 'user'", ("-nic", "usr")),
    ("no netdev x", ("-object", "filter-dump,netdev=x,file=/dev/null")),
    ("script is not run", ("-nic", "tap,script=/etc/up")),
    ("neither tcp:HOST:PORT nor unix:PATH", ("-nic", "stream,addr.host=x")),
])
def test_refused_with_advice(words: str, argv: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        nics(*argv)
    assert words in str(caught.value)


def test_help() -> None:
    for argv in (("-nic", "model=help"), ("-nic", "user,model=?"), ("-netdev", "help")):
        with pytest.raises(Leave, match="ne2k_pci"):
            nics(*argv)


def test_what_the_host_refuses_is_said_before_the_guest_starts(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kernel = tmp_path / "k"
    kernel.write_bytes(b"\xf4" * 512)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        for nic, words in ((f"user,hostfwd=tcp::{port}-:22", f"port {port} cannot be had"), ("tap,ifname=nosuchtap", "tap"),
                           (f"user,tftp={tmp_path / 'none'}", "no such directory"), (f"user,tftp={kernel}", "no such directory"),
                           ("user,model=rtl8139", "unknown network card 'rtl8139'"),
                           ("user,mac=52:54:00:12:34", "not an address"),
                           ("user,model=e1000,mac=53:54:00:12:34:56", "group address"),
                           (f"socket,listen=127.0.0.1:{port}", "cannot listen"),
                           ("stream,addr.type=unix,addr.path=/nosuch/x", "nobody")):
            assert main_i386(["-kernel", str(kernel), "-raw", "0x7c00", "-display", "none", "-nic", nic]) == 64
            err = capfd.readouterr().err
            assert words in err and err.count("\n") == 1, err


def test_a_tftp_directory_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)      # root may read anything
    with pytest.raises(ConfigError, match=f"tftp={tmp_path}: the directory cannot be read"):
        UserNet(UserConfig(tftp=str(tmp_path)))
