"""The window under Xvfb, with a person's hands by xdotool: typing, mouse, full screen, pause, screenshot, reset, closing."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from process import EMU, ENV

from emu.frontends import geometry
from emu.frontends.hidkeys import KEYS
from emu.layouts import QCODES
from emu.roms import rom_path

from xvfb import HEIGHT, WIDTH, XScreen, missing, wait_for  # isort: skip

pytest.importorskip("pygame")
needs_x = pytest.mark.skipif(bool(missing()), reason=f"needs {missing()}")


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[XScreen]:
    folder = tmp_path / "fb"
    folder.mkdir()
    screen = XScreen(folder)
    yield screen
    screen.close()


class Session:
    """`emu run` of the demo guest in a window; its serial port goes to a file."""

    def __init__(self, screen: XScreen, folder: Path, *argv: str) -> None:
        self.screen, self.folder = screen, folder
        env = {**ENV, "DISPLAY": screen.display, "SDL_AUDIODRIVER": "dummy"}
        env.pop("WAYLAND_DISPLAY", None)
        self.process = subprocess.Popen([*EMU, "run", "-kernel", str(rom_path("demo.elf")), "-m", "32", "-serial", "file:serial",
                                         *argv], env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.said("type help")
        screen.xdo("windowfocus", "--sync", self.window)

    @property
    def window(self) -> str:
        """SDL may make a new one for full screen."""
        return self.screen.window(self.process.pid)

    def said(self, words: str, seconds: float = 60) -> None:
        wait_for(lambda: words in self.serial, seconds, f"{words!r} is not in {self.serial!r}")

    @property
    def serial(self) -> str:
        path = self.folder / "serial"
        return path.read_text() if path.exists() else ""

    def key(self, *keys: str) -> None:
        self.screen.xdo("key", "--delay", "60", *keys)

    def type(self, text: str) -> None:
        self.screen.xdo("type", "--delay", "60", text)

    def titled(self, words: str) -> None:
        wait_for(lambda: words in self.screen.title(self.window), 30, f"{words!r} is not in {self.screen.title(self.window)!r}")

    def extent(self) -> tuple[int, int, int, int]:
        """(x, y, w, h) of the window."""
        words = dict(line.split("=") for line in self.screen.xdo("getwindowgeometry", "--shell", self.window).split())
        return int(words["X"]), int(words["Y"]), int(words["WIDTH"]), int(words["HEIGHT"])

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def demo(screen: XScreen, tmp_path: Path) -> Iterator[Session]:
    session = Session(screen, tmp_path, "-display", "pygame")
    yield session
    session.close()


@needs_x
def test_typing_title_and_power_off(demo: Session) -> None:
    demo.type("Mem")
    demo.key("Return")
    demo.said("Mem: no such command")
    demo.titled("MIPS")
    demo.type("poweroff")
    demo.key("Return")
    assert demo.process.wait(30) == 0


@needs_x
def test_the_picture_is_the_guests_in_the_shape_of_a_monitor(demo: Session) -> None:
    _, _, width, height = demo.extent()
    assert (width, height) == (720, 540)
    time.sleep(0.5)
    x, y, w, h = demo.extent()
    lit = demo.screen.picture()[y:y + h, x:x + w].max(axis=2) > 100
    assert lit[: h // 4].sum() > 500 and lit[h // 4:].sum() < 200       # three lines of text at the top, and a cursor


@needs_x
def test_full_screen_and_back(demo: Session) -> None:
    demo.key("ctrl+alt+f")
    wait_for(lambda: demo.extent()[2:] == (WIDTH, HEIGHT), 20, f"the window stays {demo.extent()}")
    time.sleep(1.0)
    lit = np.flatnonzero((demo.screen.picture().max(axis=2) > 100).any(axis=0))
    left = demo.extent()[0]         # without a window manager it stays where it was
    assert lit[0] - left < 30 and lit[-1] - lit[0] > 700    # 46 characters of 9 pixels, 1280 for 720
    demo.key("ctrl+alt+f")
    wait_for(lambda: demo.extent()[2:] == (720, 540), 20, f"the window stays {demo.extent()}")
    demo.screen.xdo("windowfocus", "--sync", demo.window)
    demo.type("ps")
    demo.key("Return")
    demo.said("pid ring")


@needs_x
def test_pause_holds_the_guest_and_what_is_typed_comes_later(demo: Session) -> None:
    demo.key("ctrl+alt+p")
    demo.titled("paused")
    before = demo.serial
    demo.type("cpu")
    demo.key("Return")
    time.sleep(1.0)
    assert demo.serial == before
    demo.key("ctrl+alt+p")
    demo.said("GenuineIntel" if "GenuineIntel" in demo.serial else "family")
    demo.titled("MIPS")


@needs_x
def test_screenshot_help_reset_and_quit(demo: Session) -> None:
    demo.key("ctrl+alt+s")
    wait_for(lambda: list(demo.folder.glob("emu-*.png")), 20, "no screenshot")
    assert list(demo.folder.glob("emu-*.png"))[0].read_bytes().startswith(b"\x89PNG")
    before = demo.screen.picture()
    demo.key("ctrl+alt+h")
    time.sleep(1.0)
    assert (demo.screen.picture() != before).any(axis=2).sum() > 5000
    demo.key("ctrl+alt+h")
    demo.key("ctrl+alt+r")
    wait_for(lambda: demo.serial.count("type help") == 2, 30, "no second start")
    demo.key("ctrl+alt+q")
    assert demo.process.wait(30) == 0


@needs_x
def test_a_guest_that_dies_stays_on_the_screen(screen: XScreen, tmp_path: Path) -> None:
    kernel = tmp_path / "dead"
    kernel.write_bytes(bytes.fromhex("66baf803" "b078" "ee" "faf4"))        # mov dx, 3F8h; mov al, 'x'; out; cli; hlt
    env = {**ENV, "DISPLAY": screen.display}
    process = subprocess.Popen([*EMU, "run", "-m", "4", "-kernel", str(kernel), "--raw", "0x100000", "-display", "sdl"], env=env,
                               stderr=subprocess.PIPE, text=True)
    try:
        window = screen.window(process.pid)
        wait_for(lambda: "[hung]" in screen.title(window), 30, "no word of the hang")
        screen.xdo("windowfocus", "--sync", window)
        screen.xdo("key", "ctrl+alt+q")
        _, said = process.communicate(timeout=30)
        assert "hang: the processor is halted with interrupts off" in said
        assert process.returncode == 72
    finally:
        if process.poll() is None:
            process.kill()


MOUSE = """
    org 0x7c00
    bits 16
    cli
    mov al, 0xd4
    out 0x64, al
    mov al, 0xf4
    out 0x60, al
    mov dx, 0x3f8
again:
    in al, 0x64
    test al, 1
    jz again
    in al, 0x60
    out dx, al
    jmp again
"""


@needs_x
def test_the_mouse_is_taken_by_a_click_and_given_back(screen: XScreen, tmp_path: Path) -> None:
    from test_input import assemble
    program = assemble(MOUSE, tmp_path)
    env = {**ENV, "DISPLAY": screen.display}
    process = subprocess.Popen([*EMU, "run", "-m", "4", "-kernel", str(program), "--raw", "0x7c00", "-display", "pygame",
                                "-serial", "file:serial"], env=env, cwd=tmp_path)
    try:
        window = screen.window(process.pid)
        serial = tmp_path / "serial"
        wait_for(lambda: serial.exists() and serial.read_bytes() == b"\xfa", 30, "the mouse does not answer")
        screen.xdo("mousemove", "--sync", "500", "400", "click", "1")
        wait_for(lambda: "releases the mouse" in screen.title(window), 30, "a click does not take the mouse")
        for _ in range(5):
            screen.xdo("mousemove_relative", "--sync", "7", "3")
            time.sleep(0.1)
        screen.xdo("click", "3")

        def packets() -> list[tuple[int, ...]]:
            data = serial.read_bytes()[1:]
            return [tuple(data[k:k + 3]) for k in range(0, len(data) // 3 * 3, 3)]
        wait_for(lambda: any(p[0] & 2 for p in packets()) and not packets()[-1][0] & 7, 30, "no right button")
        dx = sum(p[1] - (256 if p[0] & 0x10 else 0) for p in packets())
        dy = sum(p[2] - (256 if p[0] & 0x20 else 0) for p in packets())
        assert (dx, dy) == (35, -15)
        screen.xdo("key", "ctrl+alt+g")
        wait_for(lambda: "releases the mouse" not in screen.title(window), 30, "the mouse is not given back")
    finally:
        process.kill()
        process.wait()


def test_no_screen_is_said_and_the_terminal_goes_on(tmp_path: Path) -> None:
    env = {name: value for name, value in ENV.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")}
    done = subprocess.run([*EMU, "run", "-kernel", str(rom_path("demo.elf")), "-m", "32"], env=env, input="poweroff\n",
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "power off" in done.stdout
    assert "there is no screen here (DISPLAY is not set): the first serial port is on this terminal" in done.stderr


def test_missing_pygame_is_said(tmp_path: Path) -> None:
    (tmp_path / "pygame.py").write_text("raise ImportError('no pygame')\n")
    env = {**ENV, "PYTHONPATH": os.pathsep.join([str(tmp_path), *ENV.get("PYTHONPATH", "").split(os.pathsep)])}
    done = subprocess.run([*EMU, "run", "-kernel", str(rom_path("demo.elf")), "-display", "pygame"], env=env,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 64 and "a window needs pygame: pip install 'emu[window]'" in done.stderr


def test_shapes() -> None:
    assert geometry.natural_size(720, 400) == (720, 540)
    assert geometry.natural_size(320, 200) == (640, 480)
    assert geometry.natural_size(640, 480) == (640, 480)
    assert geometry.natural_size(1024, 768) == (1024, 768)
    assert geometry.natural_size(1920, 1080) == (1920, 1080)
    assert geometry.natural_size(720, 400, correct=False) == (720, 400)
    assert geometry.place(720, 400, (1280, 1024)) == (0, 32, 1280, 960)
    assert geometry.place(1920, 1080, (1280, 1024)) == (0, 152, 1280, 720)
    for size in ((1, 1), (5, 4000), (4000, 5)):
        x, y, w, h = geometry.place(640, 480, size)
        assert x >= 0 and y >= 0 and 1 <= w <= size[0] and 1 <= h <= size[1]


def test_every_key_of_a_us_keyboard_has_a_place() -> None:
    us = list("abcdefghijklmnopqrstuvwxyz1234567890") + [f"f{n}" for n in range(1, 13)] + [f"kp_{n}" for n in range(10)]
    us += """esc backspace tab ret ctrl shift alt ctrl_r shift_r alt_r spc caps_lock minus equal bracket_left bracket_right
        semicolon apostrophe grave_accent backslash comma dot slash print scroll_lock pause insert home pgup delete end pgdn up
        down left right num_lock kp_divide kp_multiply kp_subtract kp_add kp_enter kp_decimal meta_l meta_r menu""".split()
    assert {QCODES[name] for name in us} <= set(KEYS.values())

