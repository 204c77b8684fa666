"""Ends of a guest: each has its reason, its report and its exit status."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import raw

import emu
from emu.cli.main import main


def run(folder: Path, code: bytes, addr: int = raw.HIGH, **options: object) -> tuple[emu.Machine, emu.Stop]:
    vm = emu.Machine(memory="4M", kernel=raw.write(folder, code), raw_addr=addr, **options)
    return vm, vm.run(seconds=1)


def test_hlt_with_interrupts_off_is_a_hang_at_once(tmp_path: Path) -> None:
    vm, stop = run(tmp_path, raw.say("bye") + raw.CLI_HLT)
    assert stop.reason == "hang"
    assert vm.icount < 100
    assert "interrupts off" in stop.report
    assert "| bye" in stop.report


def test_triple_fault_report_has_chain_registers_and_code(tmp_path: Path) -> None:
    _, stop = run(tmp_path, raw.TRIPLE_FAULT)
    assert stop.reason == "triple-fault"
    for text in ("exception chain: #GP", "-> #DF double fault", "-> shutdown", "eip=00100007", "cs=0008", "00100007: cc"):
        assert text in stop.report


def test_jump_into_nowhere_is_named(tmp_path: Path) -> None:
    _, stop = run(tmp_path, raw.NOWHERE)
    assert stop.reason == "triple-fault"
    assert "nowhere" in stop.report


def test_real_mode_exception_without_firmware_is_a_hang(tmp_path: Path) -> None:
    _, stop = run(tmp_path, b"\xfb\x0f\x0b", raw.LOW)         # sti; ud2
    assert stop.reason == "hang"
    assert "#UD" in stop.report


@pytest.mark.parametrize(("code", "status"), [(0, 1), (0x15, 43), (0x7F, 255)])
def test_debug_exit_status(tmp_path: Path, code: int, status: int) -> None:
    _, stop = run(tmp_path, raw.out8(0x501, code) + raw.SPIN, debug_exit=emu.DebugExitConfig())
    assert (stop.reason, stop.code) == ("exit", status)


def test_soft_off(tmp_path: Path) -> None:
    _, stop = run(tmp_path, raw.out16(0x604, 0x2000) + raw.SPIN)
    assert stop.reason == "poweroff"


def test_reset_runs_the_guest_again(tmp_path: Path) -> None:
    code = raw.write(tmp_path, raw.say("x") + raw.out8(0x64, 0xFE) + raw.SPIN)
    vm = emu.Machine(memory="4M", kernel=code, raw_addr=raw.HIGH)
    assert vm.run(instructions=100).reason == "budget"
    assert vm.serial.text.startswith("xxx")


def test_no_reboot(tmp_path: Path) -> None:
    vm, stop = run(tmp_path, raw.say("x") + raw.out8(0x64, 0xFE) + raw.SPIN, no_reboot=True)
    assert (stop.reason, vm.serial.text) == ("reset", "x")


def test_debugcon_is_kept_for_the_tester(tmp_path: Path) -> None:
    vm, _ = run(tmp_path, raw.out8(0xE9, 0x41) + raw.CLI_HLT, debugcon=emu.SerialConfig())
    assert vm.debugcon is not None
    assert vm.debugcon.text == "A"


def test_expect_times_out_in_virtual_time_with_evidence(tmp_path: Path) -> None:
    vm = emu.Machine(memory="4M", kernel=raw.write(tmp_path, raw.say("almost") + raw.SPIN), raw_addr=raw.HIGH)
    with pytest.raises(emu.GuestTimeout, match="almost") as caught:
        vm.serial.expect("there", timeout=0.02)
    assert vm.now_ns == 20_000_000
    assert caught.value.regs["eip"] >= raw.HIGH


def test_expect_says_when_the_guest_dies(tmp_path: Path) -> None:
    vm = emu.Machine(memory="4M", kernel=raw.write(tmp_path, raw.TRIPLE_FAULT), raw_addr=raw.HIGH)
    with pytest.raises(emu.GuestCrash, match="triple"):
        vm.serial.expect("x", timeout=1)


def test_expect_matches_text_bytes_and_patterns(tmp_path: Path) -> None:
    import re
    vm = emu.Machine(memory="4M", kernel=raw.write(tmp_path, raw.say("one two 33 four\n") + raw.SPIN), raw_addr=raw.HIGH)
    assert vm.serial.expect("one").before == ""
    hit = vm.serial.expect([b"never", re.compile(r"(\d)(\d)")])
    assert (hit.text, hit.before, hit.groups, hit.index) == ("33", " two ", ("3", "3"), 1)
    assert vm.serial.read() == " four\n"


def test_steps_and_runs_reach_the_same_state(tmp_path: Path) -> None:
    code = raw.write(tmp_path, raw.say("hello") + b"\x41" + b"\xeb\xfd")      # inc ecx; jmp back
    one, two = (emu.Machine(memory="4M", kernel=code, raw_addr=raw.HIGH) for _ in range(2))
    one.run(instructions=10_000)
    for _ in range(100):
        two.step(100)
    assert one.icount == two.icount == 10_000
    assert one.run_hash() == two.run_hash()


def test_pause_from_another_thread(tmp_path: Path) -> None:
    import threading
    vm = emu.Machine(memory="4M", kernel=raw.write(tmp_path, raw.SPIN), raw_addr=raw.HIGH)
    timer = threading.Timer(0.1, vm.pause)
    timer.start()
    assert vm.run().reason == "paused"
    assert vm.status == "paused"
    vm.resume()
    assert vm.run(instructions=1000).reason == "budget"


def test_memory_is_read_and_written_between_instructions(tmp_path: Path) -> None:
    vm = emu.Machine(memory="4M", kernel=raw.write(tmp_path, raw.SPIN), raw_addr=raw.HIGH)
    assert vm.read_phys(raw.HIGH, 2) == raw.SPIN
    vm.run(instructions=10)
    vm.write_phys(raw.HIGH, raw.CLI_HLT)
    assert vm.run(seconds=1).reason == "hang"


@pytest.mark.parametrize(("code", "status", "words"), [
    (raw.CLI_HLT, 72, "hang"), (raw.TRIPLE_FAULT, 70, "triple fault"), (raw.SPIN, 76, "timeout"),
    (raw.out16(0x604, 0x2000), 0, ""), (raw.out8(0x501, 3), 7, ""),
])
def test_exit_statuses(tmp_path: Path, capfd: pytest.CaptureFixture[str], code: bytes, status: int, words: str) -> None:
    argv = ["run", "-m", "4", "-kernel", str(raw.write(tmp_path, code)), "--raw", "0x100000", "-display", "none",
            "--timeout", "0.05", "-device", "isa-debug-exit"]
    assert main(argv) == status
    assert words in capfd.readouterr().err


MASKED_SLEEP = (raw.out8(0x21, 0xFF) + raw.out8(0xA1, 0xFF) + raw.out8(0x43, 0x34) + raw.out8(0x40, 100) + raw.out8(0x40, 0)
                + b"\xfb\xf4\xeb\xfd")        # the timer runs, nobody listens: sti; hlt; jmp to it


def test_a_sleep_nothing_ends_can_be_interrupted(tmp_path: Path) -> None:
    """The processor halts with all interrupts masked and a timer running: time passes, and Ctrl-C is heard."""
    vm, stop = run(tmp_path, MASKED_SLEEP)
    assert (stop.reason, vm.now_ns) == ("budget", 1_000_000_000)
    core = vm.engine.run(1000)
    assert core.reason == "budget" and vm.icount < 100
    code = ("import signal, sys, emu\nvm = emu.Machine(memory='4M', kernel=sys.argv[1], raw_addr=0x100000)\n"
            "signal.signal(signal.SIGALRM, signal.default_int_handler)\nsignal.setitimer(signal.ITIMER_REAL, 0.3)\n"
            "try:\n    vm.run()\nexcept KeyboardInterrupt:\n    print('heard')")
    done = subprocess.run([sys.executable, "-P", "-c", code, str(raw.write(tmp_path, MASKED_SLEEP))], capture_output=True,
                          text=True, timeout=60)
    assert done.stdout == "heard\n", done.stderr
