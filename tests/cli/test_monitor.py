"""The human monitor: QEMU's commands and formats, expressions, and where it can be reached."""
from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from process import EMU, ENV

import emu
from emu.control.expression import ExpressionError, evaluate
from emu.control.monitor import Console, Monitor
from emu.roms import rom_path

REGS = {"eip": 0x7C00, "esp": 0xFFF0}


@pytest.fixture(scope="module")
def vm() -> Iterator[emu.Machine]:
    with emu.Machine(memory="32M", kernel=rom_path("demo.elf"), cpu="qemu32") as machine:
        machine.serial.expect("type help")
        machine.run(0.05)
        yield machine


@pytest.fixture
def ask(vm: emu.Machine) -> Monitor:
    return Monitor(vm)


@pytest.mark.parametrize(("text", "value"), [
    ("10", 10), ("0x10", 16), ("010", 8), ("$eip+4*2", 0x7C08), ("($eip+4)*2", 0xF808), ("~0", (1 << 64) - 1),
    ("-1", (1 << 64) - 1), ("$esp & ~0xff", 0xFF00), ("7 / 2", 3), ("7%4", 3), ("1|6^2", 5),
    ("'A'", 65), ("2 - 3 + 4", 3), ("--4", 4),
])
def test_expressions(text: str, value: int) -> None:
    assert evaluate(text, REGS) == value


@pytest.mark.parametrize(("text", "words"), [
    ("1/0", "division by zero"), ("$eax", "unknown register 'eax'"), ("(1", "')' expected"), ("1+", "missing at the end"),
    ("08", "not an octal"), ("foo", "expected at 'foo'"), ("1 2", "one expression"),
])
def test_expressions_that_are_none(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(words)):
        evaluate(text, REGS)


def test_registers_as_qemu_shows_them(ask: Monitor, vm: emu.Machine) -> None:
    text = ask.execute("info registers")
    regs = vm.regs
    assert f"EIP={regs['eip']:08x} EFL={regs['eflags']:08x} [" in text
    assert f"EAX={regs['eax']:08x} EBX={regs['ebx']:08x}" in text
    assert re.search(r"^CS =00(08|1b) 00000000 ffffffff 00c0[9f]b00 DPL=[03] CS32 \[-RA\]$", text, re.M)
    assert re.search(r"^TR =0028 [0-9a-f]{8} 00000067 00008b00 DPL=0 TSS32-busy$", text, re.M)
    assert "FCW=" in text and "XMM07=" in text and "XMM08=" not in text


def test_memory_in_every_format(ask: Monitor, vm: emu.Machine) -> None:
    vm.write_phys(0x90000, bytes([0xEA, 0x5B, 0xE0, 0, 0xF0, 0x30, 0x36, 0x2F]) + b"A\0'\\\n\x80zz")
    assert ask.execute("xp/8xb 0x90000") == "0000000000090000: 0xea 0x5b 0xe0 0x00 0xf0 0x30 0x36 0x2f\n"
    assert ask.execute("x/2xh 0x90000") == "00090000: 0x5bea 0x00e0\n"
    assert ask.execute("x/2uw 0x90000") == "00090000:   14703594  792080624\n"
    assert ask.execute("x/2ow 0x90000") == "00090000:   070055752 05715430360\n"
    assert ask.execute("x/2db 0x90000") == "00090000: -22  91\n"
    assert ask.execute("x/8c 0x90008") == "00090008: 'A' '\\x00' '\\'' '\\\\' '\\n' '\\x80' 'z' 'z'\n"
    assert ask.execute("x/1xg 0x90000") == "00090000: 0x2f3630f000e05bea\n"
    assert ask.execute("x") == "usage: x /fmt addr\n"
    assert ask.execute("x/2zz 0") == "invalid char in format: 'z'\n"
    assert ask.execute("x 0xf0000000") == "f0000000: Cannot access memory\n"


def test_disassembly(ask: Monitor, vm: emu.Machine) -> None:
    pytest.importorskip("capstone")
    vm.write_phys(0x90000, bytes.fromhex("b801000000 bb0c000000 01d8 ebf2 0f0b"))
    assert ask.execute("x/4i 0x90000") == (
        "0x00090000:  b8 01 00 00 00           movl     $1, %eax\n"
        "0x00090005:  bb 0c 00 00 00           movl     $0xc, %ebx\n"
        "0x0009000a:  01 d8                    addl     %ebx, %eax\n"
        "0x0009000c:  eb f2                    jmp      0x90000\n")


def test_print_and_ports(ask: Monitor) -> None:
    assert ask.execute("p/x 0x10+2") == "0x12\n"
    assert ask.execute("print 10-3") == "7\n"
    assert ask.execute("p/c 65") == "'A'\n"
    assert re.fullmatch(r"portb\[0x0061\] = 0x[0-9a-f]{2}\n", ask.execute("i/b 0x61"))
    ask.execute("o/b 0x80 0x5a")
    assert ask.execute("gva2gpa 0x100000") == "gpa: 0x100000\n"
    assert ask.execute("gva2gpa 0x70000000") == "Unmapped\n"


def test_page_tables(ask: Monitor) -> None:
    ranges = ask.execute("info mem").splitlines()
    assert ranges[0] == "0000000000000000-0000000001000000 0000000001000000 -rw"
    assert all(re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{16} [0-9a-f]{16} [u-]r[w-]", line) for line in ranges)
    assert re.match(r"0000000000000000: 0000000000000000 -----?[-A]---W", ask.execute("info tlb"))


def test_every_info_answers(ask: Monitor) -> None:
    for line in ask.execute("info").splitlines():
        name = line.split()[0] + " " + line.split()[1]
        assert "unknown" not in ask.execute(name), name
    assert "pic0: irr=" in ask.execute("info pic") and "0x20: " in ask.execute("info irq")
    assert "Host bridge: PCI device 8086:1237" in ask.execute("info pci")
    assert "0000000000000040-0000000000000043 (prio 0, i/o): pit" in ask.execute("info mtree")
    assert "floppy0: [not inserted]" in ask.execute("info block")
    assert ask.execute("info status") == "VM status: running\n"


def test_unknown_things_are_named(ask: Monitor) -> None:
    assert ask.execute("foo") == "unknown command: 'foo'\n"
    assert "did you mean 'registers'" in ask.execute("info regsters")
    assert "there is no key 'foo'" in ask.execute("sendkey ctrl-foo")
    assert "Device 'ide7' not found" in ask.execute("eject ide7")
    assert "does not exist" in ask.execute("change floppy0 /no/such.img")
    assert "does not accept value 'bmp'" in ask.execute("screendump /tmp/x -f bmp")
    assert ask.execute("") == "" and ask.execute("# remark") == ""


def test_keys_and_pictures(ask: Monitor, vm: emu.Machine, tmp_path: Path) -> None:
    ask.execute("sendkey shift-m 10")
    ask.execute("type em\\n")
    vm.serial.expect("Mem: no such command", timeout=5)
    ask.execute(f"screendump {tmp_path}/a.ppm")
    data = (tmp_path / "a.ppm").read_bytes()
    head, size, most, pixels = data.split(b"\n", 3)
    width, height = map(int, size.split())
    assert (head, most) == (b"P6", b"255") and len(pixels) == width * height * 3
    assert (np.frombuffer(pixels, np.uint8).reshape(height, width, 3) == vm.screen.image()).all()


def test_media(ask: Monitor, vm: emu.Machine, tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(bytes(1474560))
    assert ask.execute(f"change floppy0 {image} raw read-only") == ""
    assert f"floppy0: {image} (raw, read-only)" in ask.execute("info block")
    assert vm.drives["floppy0"].disk.readonly
    assert ask.execute("eject floppy0") == "" and vm.drives["floppy0"].empty


def test_the_console_edits_and_completes(vm: emu.Machine) -> None:
    out = bytearray()
    console = Console(vm, out.extend)
    console.banner()
    console.feed(b"info stax\x7ft\t\r")
    assert b"VM status: running\r\n(qemu) " in out
    out.clear()
    console.feed(b"\x1b[A\r")
    assert out.count(b"VM status: running") == 1
    console.feed(b"junk\x15print 1+1\r")
    assert out.endswith(b"\r\n2\r\n(qemu) ")


def test_ctrl_a_c_switches_to_the_monitor_and_back() -> None:
    master, slave = pty.openpty()
    env = {name: value for name, value in ENV.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = subprocess.Popen([*EMU, "demo"], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
    text = b""

    def until(words: bytes) -> None:
        nonlocal text
        end = time.monotonic() + 60
        while words not in text:
            assert time.monotonic() < end, text
            text += os.read(master, 65536)
        text = text.split(words, 1)[1]
    try:
        until(b"type help")
        os.write(master, b"\x01c")
        until(b"(qemu) ")
        os.write(master, b"info status\r")
        until(b"VM status: running")
        os.write(master, b"\x01c")
        os.write(master, b"mem\n")
        until(b"pool pages in use")
        os.write(master, b"\x01cquit\r")
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("wait", ["on", "off"])
def test_on_a_socket(tmp_path: Path, wait: str) -> None:
    process = subprocess.Popen([*EMU, "demo", "-display", "none", "-serial", "null", "-monitor", f"unix:m,server=on,wait={wait}"],
                               cwd=tmp_path, env=ENV)
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "m").exists():
            assert time.monotonic() < end
            time.sleep(0.1)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "m"))
            client.settimeout(30)
            client.sendall(b"info version\n")
            got = b""
            while b"(emu)" not in got:
                data = client.recv(4096)
                assert data, got
                got += data
            assert b"monitor - type 'help'" in got
            client.sendall(b"quit\n")
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
