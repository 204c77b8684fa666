"""A run with input at whatever moment it came is recorded, and replayed to the same state without that input."""
from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from process import EMU, ENV

import emu
from emu.state.inputlog import Recorder

ROMS = Path(__file__).resolve().parents[2] / "roms"
DEMO: dict[str, Any] = {"memory": "16M", "kernel": ROMS / "demo.elf"}


def replayed(log: Path, **options: Any) -> tuple[str, str, emu.Machine]:
    """Reason, hash and machine at the end of the log."""
    with emu.Machine(replay=log, **options) as vm:
        stop = vm.run()
        assert vm.icount == stop.icount
        return stop.reason, vm.run_hash(), vm


def disturbed(vm: emu.Machine, acts: list[Callable[[], object]]) -> None:
    """Run while another thread does things, a few milliseconds of the wall clock apart."""
    def body() -> None:
        for act in acts:
            time.sleep(0.013)
            act()
        time.sleep(0.2)
        vm.pause()

    thread = threading.Thread(target=body)
    thread.start()
    while vm.run().reason != "paused":
        pass
    thread.join()


def test_input_of_another_thread(tmp_path: Path) -> None:
    """Serial bytes, keys, motion, the buttons of the case and memory, at moments nobody chose."""
    log = tmp_path / "log"
    with emu.Machine(record=log, **DEMO) as vm:
        vm.serial.sink = type("Sink", (), {"write": lambda self, data: None})()
        vm.serial.expect("> ", timeout=5)
        disturbed(vm, [lambda: vm.serial.send("ps\n"), lambda: vm.keyboard.type("mem\n"), lambda: vm.mouse.move(3, 4),
                       lambda: vm.mouse.click(), lambda: vm.write_phys(0x5000, b"poked"), lambda: vm.serial.send("help\n" * 20),
                       vm.reset, lambda: vm.serial.send("cpu\n"), lambda: vm.keyboard.press("ctrl-alt-f1"), vm.powerdown])
        text, wanted, icount = vm.serial.text, vm.run_hash(), vm.icount
    reason, digest, again = replayed(log, **DEMO)
    assert (reason, digest, again.serial.text, again.icount) == ("replayed", wanted, text, icount)
    ways = {json.loads(line)[2] for line in log.read_text().split("\n")[1:-1]}
    assert ways == {"com1", "key_down", "key_up", "mouse_move", "mouse_buttons", "reset", "powerdown", "write_phys", "end"}


def test_a_person_at_the_clock(tmp_path: Path) -> None:
    """clock=host gives the guest time from outside; what it made of it comes again."""
    log = tmp_path / "log"
    with emu.Machine(record=log, clock="host", **DEMO) as vm:
        disturbed(vm, [lambda: vm.serial.send("ps\n")] * 12)
        wanted, now = vm.run_hash(), vm.now_ns
    began = time.monotonic()
    reason, digest, again = replayed(log, clock="host", **DEMO)
    assert (reason, digest, again.now_ns) == ("replayed", wanted, now)
    assert '"skip_ns"' in log.read_text() and time.monotonic() - began < 60


def test_media(tmp_path: Path) -> None:
    """Disks go in and out as they did."""
    disk, log = tmp_path / "a.img", tmp_path / "log"
    disk.write_bytes(bytes(1474560))
    with emu.Machine(record=log, **DEMO) as vm:
        vm.run(0.2)
        vm.drives["floppy0"].insert(str(disk), readonly=True)
        vm.run(0.1)
        vm.drives["floppy0"].eject()
        vm.run(0.1)
        wanted = vm.run_hash()
    assert replayed(log, **DEMO)[:2] == ("replayed", wanted)
    assert '"floppy0.insert"' in log.read_text() and '"floppy0.eject"' in log.read_text()


def test_a_guest_that_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with emu.Machine(record=log, **DEMO) as vm:
        vm.serial.expect("> ", timeout=5)
        vm.serial.send("poweroff\n")
        assert vm.run(5).reason == "poweroff"
    assert replayed(log, **DEMO)[0] == "poweroff"


def test_live_input_is_not_let_in(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with emu.Machine(record=log, **DEMO) as vm:
        vm.serial.expect("> ", timeout=5)
        vm.serial.send("ps\n")
        vm.run(0.5)
        wanted, text = vm.run_hash(), vm.serial.text
    with emu.Machine(replay=log, **DEMO) as vm:
        vm.serial.send("fault\n")
        vm.keyboard.type("mem\n")
        vm.serial.expect("> ", timeout=5)
        vm.serial.send("mem\n")
        assert vm.run().reason == "replayed"
        assert (vm.run_hash(), vm.serial.text) == (wanted, text)


def test_command_line(tmp_path: Path) -> None:
    """-icount rr=record and rr=replay, the clock as QEMU's drop-in has it (now)."""
    log = tmp_path / "log"
    words = [*EMU, "run", "-m", "16", "-kernel", str(ROMS / "demo.elf"), "-nographic", "-rtc", "base=utc", "--hash"]
    first = subprocess.run([*words, "-icount", f"rr=record,rrfile={log}"], input=b"ps\npoweroff\n", env=ENV, capture_output=True,
                           timeout=120)
    time.sleep(1.1)
    again = subprocess.run([*words, "-icount", f"rr=replay,rrfile={log}"], stdin=subprocess.DEVNULL, env=ENV, capture_output=True,
                           timeout=120)
    assert (first.returncode, again.returncode) == (0, 0), again.stderr
    assert first.stdout == again.stdout and b"run hash" in again.stdout


# ---- bad input ----------------------------------------------------------------------------------------------------
@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    with emu.Machine(record=path, **DEMO) as vm:
        vm.serial.expect("> ", timeout=5)
        vm.serial.send("ps\n")
        vm.run(0.1)
    return path


def test_another_machine(log: Path) -> None:
    with pytest.raises(emu.ConfigError, match="not the one of"):
        emu.Machine(replay=log, **DEMO | {"memory": "32M"})


@pytest.mark.parametrize(("damage", "words"), [
    (lambda data: b"", "not a log"),
    (lambda data: b"\xff\xfe\0", "not a log"),
    (lambda data: b"[]\n", "not a log"),
    (lambda data: data.replace(b"emu input log 1", b"emu input log 9"), "not a log"),
    (lambda data: data.split(b"\n")[0] + b"\n", "before the run began"),
    (lambda data: data.replace(b'"com1"', b"com1"), "line 2 is damaged"),
], ids=["empty", "binary", "other", "later", "head only", "line"])
def test_damaged(log: Path, damage: Callable[[bytes], bytes], words: str) -> None:
    log.write_bytes(damage(log.read_bytes()))
    with pytest.raises(emu.ConfigError, match=words):
        emu.Machine(replay=log, **DEMO)


def test_cut_off(log: Path) -> None:
    """The recorder was killed: what was written is replayed."""
    log.write_bytes(log.read_bytes()[:-20])
    assert replayed(log, **DEMO)[0] == "replayed"


@pytest.mark.parametrize(("old", "new", "words"), [('"com1"', '"com9"', "com9"), ("[", "[1", "never was")])
def test_input_that_does_not_fit(log: Path, old: str, new: str, words: str) -> None:
    head, first, *rest = log.read_text().split("\n")
    log.write_text("\n".join([head, first.replace(old, new, 1), *rest]))
    with emu.Machine(replay=log, **DEMO) as vm, pytest.raises(emu.EmuError, match=words):
        vm.run()


def test_another_end(log: Path) -> None:
    lines = log.read_text().split("\n")
    recorded = lines[-2].split('"')[3]
    log.write_text(log.read_text().replace(recorded, "0" * 64))
    with emu.Machine(replay=log, **DEMO) as vm, pytest.raises(emu.EmuError, match="another state"):
        vm.run()


def test_files(tmp_path: Path) -> None:
    with pytest.raises(emu.ConfigError, match="cannot write"):
        emu.Machine(record=tmp_path / "no" / "log", **DEMO)
    with pytest.raises(emu.ConfigError, match="cannot read"):
        emu.Machine(replay=tmp_path / "log", **DEMO)
    with pytest.raises(emu.ConfigError, match="not both"):
        emu.Machine(replay=tmp_path / "log", record=tmp_path / "log", **DEMO)
    with pytest.raises(emu.StateError, match="No space left"):
        recorder = Recorder(Path("/dev/full"), 0)
        recorder.begin(lambda: (0, 0), lambda: "")
        recorder.flush()


def test_a_port_without_input_says_so() -> None:
    with emu.Machine(debugcon=emu.SerialConfig(), **DEMO) as vm, pytest.raises(emu.EmuError, match="debugcon is an output only"):
        vm.debugcon.send("x")
