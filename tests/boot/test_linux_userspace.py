"""Debian's i386 kernel at work: real programs over real data agree with the host, and the kernel's own checks pass."""
from __future__ import annotations

import gzip
import hashlib
import random
import re

import pytest
from guests import Guests, busybox_initramfs

import emu
from emu.images.cpio import File

PROMPT = "/ # "
MEGABYTES = 10

# dmesg lines that look like complaints but are about this configuration, not about the machine
HARMLESS = (
    r"Notice: NX \(Execute Disable\) protection cannot be enabled: non-PAE kernel!",     # linux-image-686 is built without PAE
    r"DMI not present or invalid\.",        # SMBIOS comes with firmware; this is a direct boot
    r"iommu: DMA domain TLB invalidation policy: lazy mode ?",
    r"L1TF: .*",                            # no mitigation for the P6 we present; a real one is told the same
    r"MDS: Vulnerable.*", r"MMIO Stale Data.*", r"Speculative Store Bypass.*",
    r"tsc: Fast TSC calibration.*",
    r"PCI: Fatal: No config space access function found",
    r".*MMCONFIG.*",                        # a 440FX has no PCI Express configuration space
    r".*Using host bridge windows.*nocrs.*",
    r"ima: No TPM chip found.*",
    r"intel_pstate: CPU model not supported",
    r"raid6: .*", r".*loading out-of-tree.*", r".*module verification failed.*",
)


def make_data() -> bytes:
    """10 MB of text lines, the same every time."""
    rng = random.Random(2)
    lines = []
    size = 0
    while size < MEGABYTES << 20:
        word = "abcdefghij"[rng.randrange(10)] * rng.randrange(60)
        line = f"{rng.getrandbits(32):08x} line {len(lines)} {word} {rng.randrange(977)}\n"
        lines.append(line)
        size += len(line)
    return "".join(lines).encode()[:MEGABYTES << 20].rpartition(b"\n")[0] + b"\n"


@pytest.fixture(scope="module")
def data() -> bytes:
    return make_data()


def modules(guests: Guests) -> dict[str, File]:
    """raid6_pq and xor as the kernel's package has them."""
    found = {}
    for name in ("raid6_pq.ko", "xor.ko"):
        for path in guests.kernel.parents[1].rglob(name):
            found[f"modules/{name}"] = File(path)
    return found


@pytest.fixture(scope="module")
def vm(guests: Guests, data: bytes, tmp_path_factory: pytest.TempPathFactory):
    initrd = tmp_path_factory.mktemp("userspace") / "initrd.gz"
    initrd.write_bytes(busybox_initramfs(guests.busybox, {"data": File(data), **modules(guests)}))
    with emu.Machine(memory="256M", kernel=guests.kernel, initrd=initrd, append="console=ttyS0") as machine:
        machine.serial.expect(PROMPT, timeout=120)
        yield machine


def run(vm: emu.Machine, command: str, timeout: float = 120) -> str:
    """One shell command; its output."""
    vm.serial.send("echo '<''<'; " + command + "; echo \"<$?>\"\n")     # the echo of this line has no <<
    vm.serial.expect("<<\r\n", timeout=timeout)
    out = vm.serial.expect(re.compile(r"<(\d+)>\r\n"), timeout=timeout)
    assert out.groups[0] == "0", f"{command}: status {out.groups[0]}\n{out.before}"
    vm.serial.expect(PROMPT, timeout=10)
    return out.before.replace("\r", "").strip()


def test_sha256(vm, data):
    assert run(vm, "sha256sum /data").split()[0] == hashlib.sha256(data).hexdigest()


def test_gzip_round_trip_and_host_can_read_it(vm, data):
    out = run(vm, "gzip -c /data > /tmp/data.gz; gunzip -c /tmp/data.gz | sha256sum")
    assert out.split()[0] == hashlib.sha256(data).hexdigest()
    head = run(vm, "head -c 200000 /data | gzip -9 -c | od -An -v -tx1 | tr -d ' \\n'")
    assert gzip.decompress(bytes.fromhex(head)) == data[:200000]


def test_sort(vm, data):
    want = b"".join(sorted(data.splitlines(keepends=True)))
    assert run(vm, "LC_ALL=C sort /data | sha256sum", 200).split()[0] == hashlib.sha256(want).hexdigest()


def test_awk(vm, data):
    rows = [line.split() for line in data.splitlines()]
    total = sum(int(r[-1]) for r in rows)
    mean = total / len(rows)
    out = run(vm, "awk '{ s += $NF; n++; if (length($0) > m) m = length($0) } "
                  "END { printf \"%d %d %d %.6f\\n\", n, s, m, s / n }' /data")
    assert out == f"{len(rows)} {total} {max(len(line) for line in data.splitlines())} {mean:.6f}"


def test_awk_floating_point(vm):
    out = run(vm, "awk 'BEGIN { x = 1; for (i = 1; i <= 20000; i++) x += x / (i * i) - i * 1.25e-9 + 1 / i; "
                  "printf \"%.9e\\n\", x }'")
    x = 1.0
    for i in range(1, 20001):
        x += x / (i * i) - i * 1.25e-9 + 1 / i
    assert float(out) == pytest.approx(x, rel=1e-9)     # the guest may keep 80 bits in between


def test_five_hundred_processes(vm):
    assert run(vm, "i=0; while [ $i -lt 500 ]; do /bin/busybox true || exit 1; i=$((i + 1)); done; echo $i") == "500"


def test_kernel_sees_the_machine(vm):
    flags = run(vm, "grep ^flags /proc/cpuinfo").split()
    for flag in "fpu vme de pse tsc msr pae cx8 apic sep pge cmov mmx fxsr sse sse2".split():
        assert flag in flags
    # no "pat": Linux does not trust it on a Pentium II's family and model
    dmesg = run(vm, "dmesg")
    for port in range(4):
        assert f"ttyS{port} at I/O" in dmesg
    assert re.search(r"rtc_cmos .*registered as rtc0", dmesg)
    assert "lapic" in run(vm, "cat /sys/devices/system/clockevents/clockevent0/current_device")
    assert int(run(vm, "awk '/LOC:/ { print $2 }' /proc/interrupts")) > 10


def test_kernel_self_checks(vm, guests):
    dmesg = run(vm, "dmesg")
    assert "honours the WP bit even in supervisor mode...Ok." in dmesg
    assert "Freeing SMP alternatives memory" in dmesg or "alternatives" in dmesg
    assert "Write protecting kernel text" in dmesg
    if not modules(guests):
        pytest.skip("the kernel's package has no raid6_pq module")
    run(vm, "insmod /modules/raid6_pq.ko && insmod /modules/xor.ko")
    dmesg = run(vm, "dmesg")
    assert re.search(r"raid6: using algorithm \S+ gen\(\) \d+ MB/s", dmesg)
    assert re.search(r"xor: (using function: \S+|automatically using best checksumming function)", dmesg)


def test_no_complaint_about_the_machine(vm):
    bad = []
    for line in run(vm, "dmesg").splitlines():
        text = re.sub(r"^\[[^]]*\]\s*", "", line)
        if re.search(r"(?i)warn|\bbug\b|error|fail|oops|not responding|unsupported|broken|invalid|cannot", text) \
                and not any(re.fullmatch(h, text) for h in HARMLESS):
            bad.append(text)
    assert not bad, "\n".join(bad)


def test_poweroff(vm):
    """Last: it ends the machine."""
    vm.serial.send("poweroff -f\n")
    assert vm.run(30).reason == "poweroff"


