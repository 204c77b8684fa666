"""Debian's amd64 programs under Debian's amd64 kernel give the host's answers: openssl, xz, zstd, python3 and its own tests."""
from __future__ import annotations

import hashlib
import lzma
import random
import re
import shutil
import subprocess
import zlib

import pytest
from guests64 import PYTHON_TESTS, initramfs64, userland

import emu
from emu.images.cpio import File

PROMPT = "/ # "
KEY = bytes(range(32))
IV = bytes(range(16, 32))
# the processors: with everything, without the instructions that ciphers and hashes have code of their own for, and QEMU's
CPUS = {"max": "max", "plain": "max,-aes,-pclmulqdq,-sha-ni,-ssse3,-bmi2,-adx,-movbe", "qemu64": "qemu64"}


def make_data() -> bytes:
    """4 MB: text, noise and zeros."""
    rng = random.Random(64)
    words = [bytes(rng.randrange(97, 123) for _ in range(rng.randrange(2, 11))) for _ in range(3000)]
    text = b" ".join(rng.choice(words) for _ in range(400_000))
    return text[:2_500_000] + rng.randbytes(1_000_000) + bytes(500_000)


@pytest.fixture(scope="module")
def data() -> bytes:
    return make_data()


@pytest.fixture(scope="module", params=CPUS)
def vm(request, guests64, data, tmp_path_factory):
    extra = userland(guests64) | {"data": File(data), "host.xz": File(lzma.compress(data, preset=1))}
    initrd = tmp_path_factory.mktemp("amd64") / "initrd.gz"
    initrd.write_bytes(initramfs64(guests64, extra))
    cpu = CPUS[request.param]
    with emu.Machine(memory="512M", cpu=cpu, kernel=guests64.kernel, initrd=initrd, append="console=ttyS0 quiet") as machine:
        machine.serial.expect(PROMPT, timeout=120)
        machine.serial.send("export LC_ALL=C.UTF-8 PATH=/usr/bin:/bin; stty -echo\n")
        machine.serial.expect(PROMPT, timeout=10)
        yield machine


def run(vm: emu.Machine, command: str, timeout: float = 120) -> str:
    """One shell command; its output."""
    vm.serial.send(f"echo '<''<'; {command}; echo \"<$?>\"\n")
    vm.serial.expect("<<\r\n", timeout=timeout)
    out = vm.serial.expect(re.compile(r"<(\d+)>\r\n"), timeout=timeout)
    assert out.groups[0] == "0", f"{command}: status {out.groups[0]}\n{out.before[-3000:]}"
    vm.serial.expect(PROMPT, timeout=10)
    return out.before.replace("\r", "").strip()


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512", "sha3-256", "blake2b512"])
def test_openssl_digests(vm, data, name):
    want = hashlib.new({"sha3-256": "sha3_256", "blake2b512": "blake2b"}.get(name, name), data).hexdigest()
    assert run(vm, f"openssl dgst -{name} /data").split()[-1] == want


@pytest.mark.parametrize("name", ["aes-128-cbc", "aes-256-cbc", "aes-256-ctr", "chacha20"])
def test_openssl_ciphers(vm, data, name):
    if shutil.which("openssl") is None:
        pytest.skip("the host has no openssl to compare with")
    key, iv = KEY[:16 if "128" in name else 32].hex(), IV.hex()
    command = ["openssl", "enc", f"-{name}", "-K", key, "-iv", iv]
    theirs = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    enc = f"openssl enc -{name} -K {key} -iv {iv}"
    out = run(vm, f"{enc} -in /data -out /tmp/e && sha256sum /tmp/e && {enc} -d -in /tmp/e | cmp - /data")
    assert out.split()[0] == hashlib.sha256(theirs).hexdigest()


def test_openssl_speaks_gcm(vm):
    """AES and PCLMULQDQ together."""
    gmac = run(vm, "openssl mac -cipher AES-128-GCM -macopt hexkey:00000000000000000000000000000000 "
                   "-macopt hexiv:000000000000000000000000 -in /dev/null GMAC")
    assert gmac.lower() == "58e2fccefa7e3061367f1d57a4e7455a"       # The GCM specification, test case 1
    assert run(vm, "openssl list -cipher-algorithms | grep -c GCM")


def test_openssl_public_keys(vm):
    out = run(vm, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /tmp/k && openssl pkey -in /tmp/k -pubout "
                  "-out /tmp/p && openssl dgst -sha256 -sign /tmp/k -out /tmp/s /data && openssl dgst -sha256 -verify /tmp/p "
                  "-signature /tmp/s /data", 240)
    assert "Verified OK" in out


def test_xz(vm):
    """There and back, and what the host has packed."""
    run(vm, "head -c 1000000 /data > /tmp/d; /usr/bin/xz -3 -c /tmp/d | /usr/bin/xz -dc | cmp - /tmp/d", 240)
    run(vm, "/usr/bin/xz -dc /host.xz | cmp - /data", 240)


def test_zstd(vm):
    run(vm, "zstd -q -9 -c /data > /tmp/d.zst && zstd -q -dc /tmp/d.zst | cmp - /data && zstd -q -t /tmp/d.zst", 240)


def test_python(vm, data):
    script = "import hashlib, zlib; d = open('/data', 'rb').read(); print(hashlib.blake2b(d).hexdigest(), zlib.crc32(d), " \
             "sum(k * k % 977 for k in range(300000)), 3 ** 2000 % (10 ** 60), repr(sum(1 / k for k in range(1, 100000))))"
    want = (hashlib.blake2b(data).hexdigest(), zlib.crc32(data), sum(k * k % 977 for k in range(300000)), 3 ** 2000 % 10 ** 60,
            repr(sum(1 / k for k in range(1, 100000))))
    assert run(vm, f"python3 -c \"{script}\"").split() == [str(w) for w in want]


@pytest.mark.parametrize("name", PYTHON_TESTS)
def test_python_tests_itself(vm, request, name):
    if vm.config.cpu != "max":
        pytest.skip("once is enough")
    out = run(vm, f"python3 -m test test_{name} 2>&1", 900)
    assert "Tests result: SUCCESS" in out, out[-3000:]
