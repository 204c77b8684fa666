"""debian-installer for amd64 comes up to its choice of languages, in text, on VGA and on serial."""
from __future__ import annotations

from guests import Guests

import emu


def test_text_installer_asks_for_the_language(guests64: Guests) -> None:
    """One boot, both consoles; the choice is taken, and the next question comes in that language."""
    folder = guests64.installer()
    with emu.Machine(memory="1G", kernel=folder / "linux", initrd=folder / "initrd.gz",
                     append="console=tty0 console=ttyS0 nomodeset fb=false --- quiet") as vm:
        text = vm.serial.expect("Select a language", timeout=300).before
        assert "panic" not in text
        vm.serial.expect("Choose the language to be used for the installation process", timeout=20)
        vm.serial.expect("English", timeout=20)
        vm.screen.expect("Select a language", timeout=20)
        vm.screen.expect("Dutch                -  Nederlands", timeout=20)
        assert vm.screen.text_mode
        vm.keyboard.press("up")
        vm.keyboard.type("\n")
        vm.screen.expect("Uw locatie kiezen", timeout=60)
