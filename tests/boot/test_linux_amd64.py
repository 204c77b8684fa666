"""Debian's amd64 kernel, unmodified: its own checks, userspace of both widths, and the same run in both MMU modes."""
from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from guests import Guests, busybox_initramfs
from guests64 import initramfs64
from process import EMU, ENV
from test_linux_userspace import (  # the same programs over the same data as on the 32-bit kernel
    HARMLESS,
    data,  # noqa: F401
    run,
    test_awk,  # noqa: F401
    test_awk_floating_point,  # noqa: F401
    test_five_hundred_processes,  # noqa: F401
    test_gzip_round_trip_and_host_can_read_it,  # noqa: F401
    test_sha256,  # noqa: F401
    test_sort,  # noqa: F401
)

import emu
from emu.images.cpio import File

PROMPT = "/ # "
# beside those of the 32-bit kernel
HARMLESS64 = (*HARMLESS, r"AMD-Vi: AMD IOMMUv2 functionality not available on this system - This is not a bug\.",
              r"Spectre V\d : .*")


@pytest.fixture(scope="module")
def initrd64(guests64: Guests, guests: Guests, data: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    path = tmp_path_factory.mktemp("amd64") / "initrd.gz"
    path.write_bytes(initramfs64(guests64, {"data": File(data), "bin/busybox32": File(guests.busybox, 0o755)}))
    return path


@pytest.fixture(scope="module", params=["max", "qemu64", "x86-64-v2", "max-installer", "qemu64-installer"])
def vm(request, guests64, initrd64):
    """Debian's generic kernel and its installer's, on each model."""
    cpu, installer, _ = request.param.partition("-installer")
    kernel = guests64.installer() / "linux" if installer else guests64.kernel
    with emu.Machine(memory="256M", cpu=cpu, hpet=True, kernel=kernel, initrd=initrd64, append="console=ttyS0") as machine:
        machine.serial.expect(PROMPT, timeout=120)
        yield machine


def test_no_complaint_about_the_machine(vm):
    bad = []
    for line in run(vm, "dmesg").splitlines():
        text = re.sub(r"^\[[^]]*\]\s*", "", line)
        if re.search(r"(?i)warn|\bbug\b|error|fail|oops|not responding|unsupported|broken|invalid|cannot|unable", text) \
                and not any(re.fullmatch(h, text) for h in HARMLESS64):
            bad.append(text)
    assert not bad, "\n".join(bad)


def test_kernel_self_checks(vm):
    dmesg = run(vm, "dmesg")
    assert "x86/mm: Checked W+X mappings: passed, no W+X pages found." in dmesg
    assert "NX (Execute Disable) protection: active" in dmesg
    assert "Freeing SMP alternatives memory" in dmesg
    assert re.search(r"rtc_cmos .*registered as rtc0", dmesg)


def test_timers(vm):
    """HPET, TSC without a watchdog's doubt, and the deadline timer where the processor has it."""
    dmesg = run(vm, "dmesg")
    assert re.search(r"hpet0: 3 comparators, 64-bit 100\.0+ MHz counter", dmesg)
    assert "clocksource: Switched to clocksource tsc" in dmesg
    assert ("TSC deadline timer available" in dmesg) == (vm.config.cpu == "max")
    assert run(vm, "cat /sys/devices/system/clocksource/clocksource0/available_clocksource").split() == ["tsc", "hpet", "acpi_pm"]
    events = run(vm, "cat /sys/devices/system/clockevents/clockevent0/current_device")
    assert events == ("lapic-deadline" if vm.config.cpu == "max" else "lapic")


def test_processor(vm):
    flags = run(vm, "grep ^flags /proc/cpuinfo").split()
    want = "fpu pse tsc msr pae cx8 apic sep pge cmov mmx fxsr sse sse2 syscall nx lm constant_tsc pni cx16 lahf_lm"
    if vm.config.cpu != "qemu64":
        want += " rdtscp ssse3 sse4_1 sse4_2 popcnt"
    if vm.config.cpu == "max":
        want += " pcid movbe aes xsave rdrand abm fsgsbase bmi1 smep bmi2 invpcid rdseed adx smap sha_ni umip pdpe1gb pclmulqdq"
    assert set(want.split()) <= set(flags)
    assert ("aes" in flags) == (vm.config.cpu == "max")


def test_32_bit_programs(vm, data):  # noqa: F811
    """Compatibility mode: i386 busybox under the same kernel, int 0x80 and SYSENTER or SYSCALL."""
    assert run(vm, "sha256sum /bin/busybox32 | cut -c1-8") == run(vm, "/bin/busybox32 sha256sum /bin/busybox32 | cut -c1-8")
    want = hashlib.sha256(b"".join(sorted(data.splitlines(keepends=True)))).hexdigest()
    assert run(vm, "LC_ALL=C /bin/busybox32 sort /data | /bin/busybox32 sha256sum", 200).split()[0] == want
    assert run(vm, "/bin/busybox32 gzip -c /data | gunzip -c | /bin/busybox32 md5sum").split()[0] == hashlib.md5(data).hexdigest()
    assert run(vm, "i=0; while [ $i -lt 100 ]; do /bin/busybox32 true || exit 1; i=$((i + 1)); done; echo $i") == "100"
    assert run(vm, "/bin/busybox32 awk 'BEGIN { for (i = 1; i <= 20000; i++) x += 1 / i; printf \"%.9f\\n\", x }'") == \
        f"{sum(1 / k for k in range(1, 20001)):.9f}"


def test_poweroff(vm):
    """Last: it ends the machine."""
    vm.serial.send("poweroff -f\n")
    assert vm.run(30).reason == "poweroff"


def linux_hash(kernel: Path, initrd: Path, mmu: str, cpu: str) -> str:
    with emu.Machine(memory="128M", cpu=cpu, kernel=kernel, initrd=initrd, append="console=ttyS0 quiet", mmu=mmu) as machine:
        machine.serial.expect(PROMPT, timeout=120)
        machine.serial.send("uname -a; cat /proc/interrupts; ls -l /bin | md5sum\n")
        machine.serial.expect("  -\r\n", timeout=30)
        machine.serial.expect(PROMPT, timeout=30)
        return machine.run_hash()


def test_same_run_in_both_mmu_modes(guests64, initrd64):
    """EMU_RUNS=20 is the issue's figure."""
    modes = [("tlb", "shadow")[k % 2] for k in range(int(os.environ.get("EMU_RUNS", "2")))]
    assert len({linux_hash(guests64.kernel, initrd64, mmu, "max") for mmu in modes}) == 1


def test_drop_in(guests64, initrd64, tmp_path):
    """`emu run` needs no -cpu for it, and emu-system-x86_64 is QEMU's command line."""
    archive = tmp_path / "initrd.gz"
    init = "#!/bin/sh\necho hello from $(uname -m)\npoweroff -f\n"
    archive.write_bytes(busybox_initramfs(guests64.busybox, init=init))
    drop_in = [EMU[0], "-P", "-c", "import sys; from emu.cli.qemu import main_x86_64; sys.exit(main_x86_64())"]
    for argv in ([*EMU, "run"], drop_in):
        command = [*argv, "-m", "256", "-kernel", str(guests64.kernel), "-initrd", str(archive), "-append",
                   "console=ttyS0 quiet", "-nographic", "-no-reboot"]
        done = subprocess.run(command, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        assert b"hello from x86_64" in done.stdout, done.stderr
        assert done.returncode == 0
