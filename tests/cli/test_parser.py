"""The QEMU-compatible command line: what is accepted means the same, what is not fails with advice."""
from __future__ import annotations

import pytest

import emu
from emu.cli.main import main
from emu.cli.options import LATER, SECTIONS, TABLE, Leave, Options, keyvals, parse, split_commas
from emu.cli.qemu import main_i386
from emu.config import SerialConfig
from emu.cpu import parse_cpu


def machine(*argv: str) -> emu.MachineConfig:
    return parse(["-kernel", "k", *argv]).config()


def refused(*argv: str) -> str:
    with pytest.raises(emu.ConfigError) as caught:
        parse(["-kernel", "k", *argv]).config()
    return str(caught.value)


@pytest.mark.parametrize(("text", "mib"), [
    ("256", 256), ("256M", 256), ("1G", 1024), ("size=64M", 64), ("65536k", 64), ("0.5G", 512),
])
def test_memory(text: str, mib: int) -> None:
    assert machine("-m", text).memory_bytes == mib << 20


def test_boot_options() -> None:
    config = parse(["-kernel", "bz", "-initrd", "a,b", "-append", "console=ttyS0 quiet", "-no-reboot"]).config()
    assert (str(config.kernel), config.initrd, config.append, config.no_reboot) == ("bz", "a,b", "console=ttyS0 quiet", True)


def test_double_dash_and_equals() -> None:
    assert machine("--m=64", "--cpu", "486").cpu == "486"


@pytest.mark.parametrize(("argv", "kinds"), [
    ((), ["mon:stdio"]),
    (("-nographic",), ["mon:stdio"]),
    (("-display", "none"), ["null"]),
    (("-nographic", "-nodefaults"), ["null"]),
    (("-serial", "stdio"), ["stdio"]),
    (("-serial", "null", "-serial", "mon:stdio", "-serial", "pty"), ["null", "mon:stdio", "pty"]),
    (("-serial", "none"), ["null"]),
    (("-chardev", "stdio,id=c0,mux=on", "-serial", "chardev:c0"), ["mon:stdio"]),
])
def test_serial_ports(argv: tuple[str, ...], kinds: list[str]) -> None:
    assert [s.kind for s in machine(*argv).serials] == kinds


def test_serial_file_and_socket() -> None:
    config = machine("-serial", "file:/tmp/a,,b", "-serial", "unix:/tmp/s,server=on,wait=off", "-serial", "unix:/tmp/t")
    assert config.serials == (SerialConfig("file", "/tmp/a,b"), SerialConfig("unix", "/tmp/s", server=True),
                              SerialConfig("unix", "/tmp/t"))
    assert machine("-serial", "unix:/tmp/s,server").serials[0].wait
    assert machine("-chardev", "socket,id=x,path=/s,server=on,wait=off", "-serial", "chardev:x").serials[0].path == "/s"


def test_standard_input_has_one_user() -> None:
    assert "once only" in refused("-serial", "stdio", "-debugcon", "stdio")
    assert "once only" in refused("-nographic", "-qmp", "stdio")


def test_debug_exit() -> None:
    assert machine("-device", "isa-debug-exit").debug_exit == emu.DebugExitConfig(0x501, 2)
    assert machine("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04").debug_exit == emu.DebugExitConfig(0xF4, 4)


def test_loader_device() -> None:
    options = parse(["-device", "loader,file=a.bin,addr=0x7c00,cpu-num=0"])
    (loader,) = options.config().loaders
    assert (str(loader.file), loader.addr, loader.start) == ("a.bin", 0x7C00, True)


def test_debugcon() -> None:
    assert machine("-debugcon", "file:log").debugcon == SerialConfig("file", "log")
    config = machine("-chardev", "file,id=d,path=x", "-device", "isa-debugcon,iobase=0xe9,chardev=d")
    assert config.debugcon == SerialConfig("file", "x")


@pytest.mark.parametrize(("argv", "mmu", "note"), [
    (("-accel", "interp"), "tlb", ""), (("-accel", "interp,mmu=shadow"), "shadow", ""),
    (("-accel", "tcg,thread=single"), "tlb", ""),
    (("-accel", "kvm"), "tlb", "kvm is not used"), (("-enable-kvm",), "tlb", "kvm is not used"),
    (("-machine", "pc,accel=kvm:tcg"), "tlb", "kvm is not used"), (("-M", "pc-i440fx-7.2"), "tlb", ""),
])
def test_engines(argv: tuple[str, ...], mmu: str, note: str) -> None:
    options = parse(["-kernel", "k", "-nographic", *argv])
    assert options.config().mmu == mmu
    assert note in " ".join(options.notes)


def test_clock_options() -> None:
    assert machine("-rtc", "base=2020-02-29T12:00:00").rtc_unix == 1582977600
    assert machine("-rtc", "base=2020-02-29,clock=vm").rtc_unix == 1582934400
    assert machine("-rtc", "base=utc").rtc_unix > 1_700_000_000
    assert machine("-rtc", "clock=host").clock == machine("--clock", "host").clock == "host"
    assert machine("-icount", "shift=3,sleep=off").icount_shift == 3
    assert machine("-icount", "auto").icount_shift == 0


def test_control_options() -> None:
    options = parse(["-qmp", "unix:/tmp/q,server=on,wait=off", "-S", "-no-shutdown", "-pidfile", "p",
                     "-name", "guest=x,process=y"])
    assert (options.qmp, options.paused, options.no_shutdown, options.pidfile) == ([("/tmp/q", False)], True, True, "p")
    assert options.machine["name"] == "x"


def test_graphics_card() -> None:
    assert machine("-vga", "none").vga == "none"
    assert machine("-vga", "none", "-device", "VGA,vgamem_mb=32").vga_mib == 32
    assert "not here" in refused("-vga", "cirrus")
    assert "did you mean 'none'" in refused("-vga", "nne")
    assert "1, 2, 4" in refused("-device", "VGA,vgamem_mb=3")


def test_log_items() -> None:
    assert parse(["-d", "int,guest_errors", "-d", "exec", "-D", "log"]).log_items == {"int", "guest_errors", "exec"}
    assert "did you mean 'guest_errors'" in refused("-d", "guest_error")


@pytest.mark.parametrize("argv", [
    ("-net", "none"), ("-nic", "none"), ("-vga", "std"), ("-monitor", "none"), ("-parallel", "none"), ("-smp", "1"),
    ("-smp", "cpus=1,cores=1"), ("-k", "ja"),
    ("-k", "en-us"), ("-boot", "order=cad"), ("-no-user-config",), ("-machine", "pc,usb=off,acpi=on"),
])
def test_accepted_because_it_changes_nothing(argv: tuple[str, ...]) -> None:
    assert machine(*argv) == machine()


@pytest.mark.parametrize(("argv", "words"), [
    (("-kernle", "x"), "did you mean '-kernel'"), (("-nographics",), "did you mean '-nographic'"),
    (("-cpu", "pentum3"), "did you mean 'pentium3'"), (("-cpu", "max,+avx"), "not implemented"),
    (("-cpu", "max,+bmi3"), "did you mean 'bmi"),
    (("-cpu", "max,vendor=x"), "cannot be set"),
    (("-device", "isa-debug-exi"), "did you mean 'isa-debug-exit'"),
    (("-device", "isa-debug-exit,iobas=1"), "did you mean 'iobase'"), (("-serial", "stdin"), "did you mean 'stdio'"),
    (("-serial", "tcp::4444"), "not here"), (("-serial", "file:"), "needs a path"),
    (("-accel", "intrep"), "did you mean 'interp'"), (("-accel", "interp,mmu=shadw"), "did you mean 'shadow'"),
    (("-smp", "2"), "one processor"),
    (("-m",), "needs a value"), (("--nographic=yes",), "takes no value"), (("-rtc", "base=tomorrow"), "neither utc"),
    (("-timeout", "-1"), "not a number of seconds"), (("-display", "vnc=:1"), "unknown display"),
    (("-monitor", "pty"), "monitor can be on stdio"), (("-k", "elvish"), "unknown layout"), (("-display", "curse"), "'curses'"),
    (("-audiodev", "wave,id=a"), "did you mean 'wav'"), (("-mon", "chardev=m,mode=qmp"), "no -chardev"),
    (("-net", "vde"), "is not here"), (("-qmp", "tcp:localhost:1"), "not here"), (("-raw", "here"), "not a number"),
    (("-serial", "chardev:x"), "no -chardev"), (("-icount", "shift=99"), "outside 0..10"),
])
def test_refused_with_advice(argv: tuple[str, ...], words: str) -> None:
    assert words in refused(*argv)


def test_every_option_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    for item in TABLE.values():
        assert f"-{item.name}" in text
        assert item.section in SECTIONS
    assert not TABLE.keys() & LATER.keys()
    for words in ("Exit status", "Ctrl-A X", "isa-debug-exit", "Multiboot"):
        assert words in text


@pytest.mark.parametrize("argv", [("-version",), ("-cpu", "help"), ("-machine", "help"), ("-accel", "help"), ("-d", "help"),
                                  ("-device", "help")])
def test_options_that_print_and_leave(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Leave):
        parse(argv)
    assert main_i386(argv) == 0
    assert capsys.readouterr().out


def test_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "emu demo" in capsys.readouterr().out
    assert main(["rnu"]) == 64
    assert "did you mean 'run'" in capsys.readouterr().err
    assert main(["-kernel", "x"]) == 64
    assert "emu run -kernel" in capsys.readouterr().err
    assert main(["--version"]) == 0


def test_info_lists_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "-m", "64"]) == 0
    text = capsys.readouterr().out
    for words in ("03f8-03ff  com1", "0fee00000-0fee00fff  lapic", "00:01.0  piix3", "64 MiB"):
        assert words in text


def test_processor_default_is_qemus_in_the_drop_in_only() -> None:
    assert Options(machine={"cpu": "qemu32"}).machine["cpu"] == "qemu32"
    assert machine().cpu == "max"
    small = Options(only32=True)
    parse(["-cpu", "max", "-kernel", "k"], small)
    assert "lm" not in parse_cpu(small.config().cpu).features and "lm" in parse_cpu(machine().cpu).features


def test_commas() -> None:
    assert split_commas("a,,b,c") == ["a,b", "c"]
    assert keyvals("x,flag,nowait,k=v", "first", ("first", "flag", "wait", "k"), "t") == {
        "first": "x", "flag": "on", "wait": "off", "k": "v"}


def test_machine_options_by_name() -> None:
    with pytest.raises(emu.ConfigError, match="did you mean 'kernel'"):
        emu.MachineConfig.from_options({"kernal": "x"})
    with pytest.raises(emu.ConfigError, match="4"):
        emu.MachineConfig(kernel="k", serials=(SerialConfig(),) * 5)
