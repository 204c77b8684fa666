"""Fixtures for tests that run whole machines."""
from __future__ import annotations

from pathlib import Path

import pytest
from guests import Guests, GuestUnavailable, busybox_initramfs, find_guests


@pytest.fixture(scope="session")
def guests() -> Guests:
    """Debian's i386 kernel and static busybox; fetched once into .guests/, or skipped with the reason."""
    try:
        return find_guests()
    except GuestUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def initrd(guests: Guests, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initramfs with a busybox shell on the console."""
    path = tmp_path_factory.mktemp("linux") / "initrd.gz"
    path.write_bytes(busybox_initramfs(guests.busybox))
    return path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write goldens anew instead of comparing; review the diff")


@pytest.fixture
def bless(request: pytest.FixtureRequest) -> bool:
    """Was --bless given?"""
    return bool(request.config.getoption("--bless"))
