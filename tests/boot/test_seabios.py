"""SeaBIOS, unmodified, comes up on our chips: PAM shadowing, fw_cfg, PCI, ACPI tables, keyboard; then finds no disk."""
from __future__ import annotations

import pytest
from acpi_memory import find_acpi
from emu_core_pyx.devices.debugcon import DebugCon

import emu

LOG_PORT = 0x402            # where SeaBIOS writes its log on QEMU


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_post_to_no_bootable_device(guests, mmu):
    with emu.Machine(memory="64M", firmware=guests.seabios, mmu=mmu) as vm:
        log = DebugCon("seabios-log")
        log.attach(vm.engine.clock)
        vm.engine.bus.map_io(log, 0, LOG_PORT, 1)
        assert vm.run(20).reason == "budget"
        text = log.take_output().decode("latin-1")
        found = find_acpi(vm.read_phys)
    for line in ("Found QEMU fw_cfg", "len 0x0000000004000000 [RAM]", "init bdf=00:01.3 id=8086:7113", "Found 4 serial ports",
                 "PS2 keyboard initialized", "No bootable device."):
        assert line in text, text
    assert {"FACP", "APIC", "DSDT", "FACS"} <= set(found), found
