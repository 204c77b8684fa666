"""The PAE kernel: NX, three-level tables and the kernel's own page-table checks, in both MMU modes."""
from __future__ import annotations

import pytest

import emu


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_nx_and_page_table_checks(guests, initrd, mmu):
    with emu.Machine(memory="256M", kernel=guests.pae, initrd=initrd, append="console=ttyS0", mmu=mmu) as vm:
        log = vm.serial.expect("/ # ", timeout=120).before
        assert "NX (Execute Disable) protection: active" in log
        assert "honours the WP bit even in supervisor mode...Ok." in log
        assert "Checked W+X mappings: passed" in log and "insecure W+X" not in log
        vm.serial.send("grep -o ' nx' /proc/cpuinfo; poweroff -f\n")
        vm.serial.expect(" nx\r\n", timeout=10)
        assert vm.run(10).reason == "poweroff"
