"""Other 64-bit systems as they come: memtest86+, Xen with Debian's kernel as its first domain."""
from __future__ import annotations

import os
import re

import pytest
from guests64 import initramfs64

import emu


@pytest.mark.parametrize("mmu", ["tlb", "shadow"])
def test_memtest_passes(guests64, mmu):
    """A whole pass over 16 MB, the bit fade test's waits of 160 s included; an instruction is 128 ns, so they are short.

    With shadow tables its first four tests: it maps 16 MB once and for all; EMU_FULL=1 is the whole pass there too.
    """
    with emu.Machine(memory="16M", kernel=guests64.memtest, append="console=ttyS0,115200", icount_shift=7, mmu=mmu) as vm:
        whole = mmu == "tlb" or os.environ.get("EMU_FULL")
        text = vm.serial.expect("Pass:  1        Errors: 0" if whole else re.compile(r"#6 +\["), timeout=6000).before
        assert "Memtest86+ v6" in text and "16MB" in text
        assert "Errors: 1" not in text


def test_xen_runs_debian_as_its_first_domain(guests64, tmp_path):
    """It looks for VT-x or SVM, an IOMMU, performance counters, MWAIT and MMCONFIG, says that there are none, and goes on."""
    initrd = tmp_path / "initrd.gz"
    initrd.write_bytes(initramfs64(guests64))
    modules = f"{guests64.kernel} console=hvc0,{initrd}"
    with emu.Machine(memory="512M", hpet=True, kernel=guests64.xen, initrd=modules,
                     append="console=com1 com1=115200,8n1 loglvl=all") as vm:
        text = vm.serial.expect("/ # ", timeout=60).before
        assert "*** Building a PV Dom0 ***" in text and "TSC deadline timer enabled" in text
        for word in ("panic", "BUG", "WARN"):
            assert word not in text
        vm.serial.send("head -c 5 /sys/hypervisor/type; cat /sys/hypervisor/version/minor; sha256sum /bin/busybox | cut -c1-8\n")
        vm.serial.expect("xen", timeout=20)
        vm.serial.send("poweroff -f\n")
        assert vm.run(60).reason == "poweroff"
