"""Fixtures for tests that run whole machines."""
from __future__ import annotations

from pathlib import Path

import pytest
from guests import Guests, busybox_initramfs, find_guests


@pytest.fixture(scope="session")
def guests() -> Guests:
    """Debian's i386 packages and what serves both architectures; a test that asks for one that cannot be had is skipped."""
    return find_guests("i386")


@pytest.fixture(scope="session")
def guests64() -> Guests:
    """Debian's amd64 packages."""
    return find_guests("amd64")


@pytest.fixture(scope="session")
def initrd(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initramfs with a busybox shell on the console."""
    path = tmp_path_factory.mktemp("linux") / "initrd.gz"
    path.write_bytes(busybox_initramfs(guests.busybox))
    return path


@pytest.fixture(params=["seabios", "own"])
def firmware(request: pytest.FixtureRequest, guests: Guests) -> dict[str, Path]:
    """Options for a machine: SeaBIOS with its VGA BIOS, or ours."""
    return {"firmware": guests.seabios, "vga_rom": guests.vgabios} if request.param == "seabios" else {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write goldens anew instead of comparing; review the diff")


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Was --bless given?"""
    return bool(request.config.getoption("--bless"))
