"""82540EM: rings, offloads, filters, moderation, EEPROM and PHY, as a driver written to Intel's manual sees them."""
import random
import struct

import pytest
from emu_core_pyx.bus.clock import Clock
from emu_core_pyx.bus.dma import Dma
from emu_core_pyx.bus.pci import PciBus
from emu_core_pyx.devices.e1000 import E1000

import emu
from emu.net import packet as p
from emu.net.config import Nic

MAC = b"\x52\x54\x00\x12\x34\x56"
CTRL, STATUS, EECD, EERD, MDIC, ICR, ITR, ICS, IMS, IMC = 0, 8, 0x10, 0x14, 0x20, 0xC0, 0xC4, 0xC8, 0xD0, 0xD8
RCTL, TCTL, RDBAL, RDLEN, RDH, RDT, RDTR, RADV = 0x100, 0x400, 0x2800, 0x2808, 0x2810, 0x2818, 0x2820, 0x282C
TDBAL, TDLEN, TDH, TDT, TIDV, RXCSUM, MTA, RAL, VFTA = 0x3800, 0x3808, 0x3810, 0x3818, 0x3820, 0x5000, 0x5200, 0x5400, 0x5600
TXDW, TXQE, LSC, RXDMT0, RXT0 = 1, 2, 4, 0x10, 0x80
RX_RING, TX_RING, RX_BUF, TX_BUF = 0x1000, 0x2000, 0x10000, 0x80000
N = 16
EN, UPE, MPE, LPE, BAM, SECRC = 2, 8, 0x10, 0x20, 0x8000, 0x04000000


class Card:
    def __init__(self, rctl=EN | BAM | SECRC, fill=N - 1):
        self.clock = Clock()
        self.dev = E1000()
        self.memory = self.dev.dma = Dma(1 << 20)
        self.dev.attach(self.clock)
        self.pci = PciBus()
        self.pci.add(self.dev, 0x18)
        self.dev.set_mac(MAC)
        self.dev.reset()
        self.dev.port.connected = True
        self.dev.py_config_write(4, 7, 2)
        self.tail = 0
        for k in range(N):
            self.poke(RX_RING + 16 * k, struct.pack("<QQ", RX_BUF + 4096 * k, 0))
        self.w(RDBAL, RX_RING)
        self.w(RDLEN, 16 * N)
        self.w(RDT, fill)
        self.w(TDBAL, TX_RING)
        self.w(TDLEN, 16 * N)
        self.w(TCTL, 2)
        self.w(RCTL, rctl)
        self.w(IMS, 0xFFFF)
        self.r(ICR)

    def w(self, off, v):
        self.dev.py_mmio_write(0, off, v, 4)

    def r(self, off):
        return self.dev.py_mmio_read(0, off, 4)

    def poke(self, at, data):
        self.memory.poke(at, data)

    def peek(self, at, n):
        return self.memory.peek(at, n)

    def queue(self, *descriptors):
        for d in descriptors:
            self.poke(TX_RING + 16 * self.tail, d)
            self.tail = (self.tail + 1) % N
        self.w(TDT, self.tail)

    def sent(self):
        return [frame for _, frame in self.dev.port.take()]

    def deliver(self, frame, wait=50_000):
        self.dev.port.deliver(frame)
        self.clock.set_ns(self.clock.ns + wait)

    def received(self, k=0):
        at, length, csum, status, errors, special = struct.unpack("<QHHBBH", self.peek(RX_RING + 16 * k, 16))
        return self.peek(at, length), csum, status, errors, special

    @property
    def irq(self):
        return any(line.high for line in self.pci.pirq)


def legacy(n, command, cso=0, css=0, vlan=0, at=TX_BUF):
    return struct.pack("<QHBBBBH", at, n, cso, command, 0, css, vlan)


def context(ipcss, ipcso, ipcse, tucss, tucso, tucse, paylen, tucmd, hdrlen=0, mss=0):
    return struct.pack("<BBHBBHIBBH", ipcss, ipcso, ipcse, tucss, tucso, tucse, paylen | (tucmd | 0x20) << 24, 0, hdrlen, mss)


def data(at, n, dcmd, popts=0, vlan=0):
    return struct.pack("<QIBBH", at, n | 1 << 20 | (dcmd | 0x20) << 24, 0, popts, vlan)


def tcp_packet(payload, seq=1000, flags=p.ACK | p.PSH | p.FIN, csum=True):
    src, dst = b"\x0a\0\2\x0f", b"\x0a\0\2\2"
    body = p.build_tcp(src, dst, p.Segment(1234, 80, seq, 5, flags, 512, payload))
    return p.eth(b"\x52\x55\x0a\0\2\2", MAC, p.ETH_IP, p.build_ip(src, dst, p.TCP, body, ident=77))


def test_identity_and_eeprom():
    card = Card()
    assert card.dev.py_config_read(0, 4) == 0x100E8086 and card.dev.py_config_read(8, 4) == 0x02000003
    assert card.r(RAL) == 0x12005452 and card.r(RAL + 4) == 0x80005634
    words = []
    for k in range(64):
        card.w(EERD, k << 8 | 1)
        assert card.r(EERD) & 0x10
        words.append(card.r(EERD) >> 16)
    assert b"".join(w.to_bytes(2, "little") for w in words[:3]) == MAC
    assert sum(words) & 0xFFFF == 0xBABA

    def clock_bits(value, n):
        out = 0
        for k in range(n - 1, -1, -1):
            bit = (value >> k & 1) << 2
            card.w(EECD, 0x42 | bit)
            card.w(EECD, 0x43 | bit)
            out = out << 1 | card.r(EECD) >> 3 & 1
            card.w(EECD, 0x42 | bit)
        return out

    card.w(EECD, 0x40)
    assert card.r(EECD) & 0x80
    for k in (0, 1, 2, 13, 63):
        card.w(EECD, 0x42)
        clock_bits(0b110, 3)
        clock_bits(k, 6)
        assert clock_bits(0, 16) == words[k]
        card.w(EECD, 0x40)


def test_phy():
    card = Card()

    def read(n, phy=1):
        card.w(MDIC, 2 << 26 | phy << 21 | n << 16)
        v = card.r(MDIC)
        assert v & 0x10000000
        return v

    assert read(2) & 0xFFFF == 0x0141 and read(3) & 0xFFFF == 0x0C20
    assert read(1) & 0x24 == 0x24 and read(17) & 0xFC00 == 0xAC00
    assert read(2, phy=2) & 0x40000000
    card.w(MDIC, 1 << 26 | 1 << 21 | 4 << 16 | 0x01E1)
    assert read(4) & 0xFFFF == 0x01E1
    card.w(MDIC, 1 << 26 | 1 << 21 | 0 << 16 | 0x9140)
    assert read(0) & 0x8000 == 0 and card.r(ICR) & LSC
    card.dev.port.link = False
    assert not card.r(STATUS) & 2 and not read(1) & 4 and card.r(ICR) & LSC
    card.dev.port.link = True
    assert card.r(STATUS) & 2


def test_legacy_transmit_and_interrupt():
    card = Card()
    frame = tcp_packet(b"x" * 100)
    card.poke(TX_BUF, frame)
    card.queue(legacy(50, 0), legacy(len(frame) - 50, 0x09, at=TX_BUF + 50))
    assert card.sent() == [frame]
    assert card.irq and card.r(ICR) & (TXDW | TXQE) == TXDW | TXQE and not card.irq
    assert card.peek(TX_RING + 12, 1) == b"\0" and card.peek(TX_RING + 28, 1) == b"\1"
    assert card.r(TDH) == 2 and card.r(0x4080) == 1


def test_legacy_checksum_and_vlan():
    card = Card()
    frame = bytearray(tcp_packet(b"payload"))
    good = bytes(frame)
    frame[14 + 10:14 + 12] = b"\0\0"
    card.poke(TX_BUF, bytes(frame))
    card.queue(legacy(34, 0), legacy(len(frame) - 34, 0x0D, at=TX_BUF + 34, css=14, cso=24))
    out = card.sent()[0]
    assert out[:24] == good[:24] and out[24:26] == p.checksum(bytes(frame[14:])).to_bytes(2, "big")
    card.w(CTRL, card.r(CTRL) | 0x40000000)
    card.poke(TX_BUF, good)
    card.queue(legacy(len(good), 0x49, vlan=0x2005))
    assert card.sent() == [good[:12] + b"\x81\x00\x20\x05" + good[12:]]


def test_checksum_offload():
    card = Card()
    good = tcp_packet(b"some payload")
    frame = bytearray(good)
    frame[24:26] = b"\0\0"
    pseudo = p.checksum(frame[26:34] + b"\0\6" + (len(frame) - 34).to_bytes(2, "big")) ^ 0xFFFF
    frame[50:52] = pseudo.to_bytes(2, "big")
    card.poke(TX_BUF, bytes(frame))
    card.queue(context(14, 24, 33, 34, 50, 0, 0, 0x03), data(TX_BUF, len(frame), 0x09, popts=3))
    assert card.sent() == [good]


@pytest.mark.parametrize(("size", "mss", "pieces"),
                         [(4000, 1460, 3), (1460, 1460, 1), (1461, 1460, 2), (20000, 536, 1), (100, 60, 5)])
def test_tcp_segmentation(size, mss, pieces):
    card = Card()
    payload = random.Random(size).randbytes(size)
    frame = bytearray(tcp_packet(payload))
    frame[24:26] = b"\0\0"
    frame[16:18] = b"\0\0"
    frame[50:52] = (p.checksum(frame[26:34] + b"\0\6") ^ 0xFFFF).to_bytes(2, "big")
    card.poke(TX_BUF, bytes(frame))
    cuts = [0, 54, *sorted(random.Random(mss).sample(range(55, len(frame)), pieces - 1)), len(frame)]
    parts = [data(TX_BUF + a, b - a, 0x0D if b == len(frame) else 0x04, popts=3) for a, b in zip(cuts, cuts[1:], strict=False)]
    card.queue(context(14, 24, 33, 34, 50, 0, size, 0x07, hdrlen=54, mss=mss), *parts)
    frames = card.sent()
    assert len(frames) == -(-size // mss)
    whole, seq = b"", 1000
    for k, out in enumerate(frames):
        ip = p.parse_ip(out + bytes(60))
        assert ip is not None and out[18:20] == (77 + k).to_bytes(2, "big")
        seg = p.parse_tcp(ip)
        assert seg is not None and seg.seq == seq
        assert seg.flags == (p.ACK | p.PSH | p.FIN if k == len(frames) - 1 else p.ACK)
        whole += seg.body
        seq += len(seg.body)
    assert whole == payload


def test_a_context_in_the_middle_of_a_packet_is_for_the_next_one():
    """Found by the fuzzer: smaller segments than what was gathered already led out of the packet's buffer."""
    frame = tcp_packet(bytes(3000), flags=p.ACK)
    card = Card()
    card.poke(TX_BUF, frame)
    card.queue(context(14, 24, 33, 34, 50, 0, 3000, 0x07, hdrlen=54, mss=1000), data(TX_BUF, 1000, 0x04, popts=3),
               context(14, 24, 33, 34, 50, 0, 3000, 0x07, hdrlen=20, mss=1), data(TX_BUF + 1000, len(frame) - 1000, 0x0D))
    assert [len(out) for out in card.sent()] == [1054] * 3


def test_tiny_segments_take_their_time():
    """A megabyte in pieces of one byte is not sent in one go."""
    card = Card()
    card.poke(TX_BUF, tcp_packet(bytes(60_000), flags=p.ACK))
    card.queue(context(14, 24, 33, 34, 50, 0, 60_000, 0x07, hdrlen=54, mss=1),
               *[data(TX_BUF, 60_000, 0x0D) for _ in range(8)])
    assert card.r(TDH) == 2         # the context and one packet
    card.clock.set_ns(card.clock.ns + 10_000_000)
    assert 2 <= card.r(TDH) < 5


def test_receive():
    card = Card()
    frame = tcp_packet(b"hello" * 30)[6:12] + tcp_packet(b"hello" * 30)[:6] + tcp_packet(b"hello" * 30)[12:]
    card.deliver(frame)
    got, _, status, errors, _ = card.received()
    assert got == frame and status & 3 == 3 and status & 4 and not errors
    assert card.irq and card.r(ICR) & RXT0 and card.r(RDH) == 1 and card.r(0x4074) == 1


def test_fcs_is_kept_unless_stripped():
    import zlib
    card = Card(EN | BAM)
    frame = MAC + bytes(100)
    card.deliver(frame)
    assert card.received()[0] == frame + zlib.crc32(frame).to_bytes(4, "little")


@pytest.mark.parametrize("broken", ["", "ip", "tcp"])
def test_receive_checksums(broken):
    card = Card()
    card.w(RXCSUM, 0x300)
    frame = bytearray(tcp_packet(b"abc"))
    frame[0:6] = MAC
    if broken == "ip":
        frame[24] ^= 1
    elif broken == "tcp":
        frame[-1] ^= 1
    card.deliver(bytes(frame))
    _, _, status, errors, _ = card.received()
    assert status & 0x64 == 0x60
    assert errors == {"": 0, "ip": 0x40, "tcp": 0x20}[broken]


def test_filters():
    group, other, everyone = b"\x01\x00\x5e\x00\x00\xfb", b"\x52\x54\x00\x99\x99\x99", b"\xff" * 6
    for rctl, taken in ((0, {MAC}), (BAM, {MAC, everyone}), (MPE, {MAC, group, everyone}), (UPE, {MAC, other}),
                        (0x8000, {MAC, everyone})):
        for dst in (MAC, group, other, everyone):
            card = Card(EN | SECRC | rctl)
            card.deliver(dst + bytes(60))
            assert bool(card.r(RDH)) == (dst in taken), (hex(rctl), dst)
    for mo, shift in ((0, 4), (1, 3), (2, 2), (3, 0)):
        card = Card(EN | SECRC | mo << 12)
        bit = (group[5] << 8 | group[4]) >> shift & 0xFFF
        card.w(MTA + 4 * (bit >> 5), 1 << (bit & 31))
        card.deliver(group + bytes(60))
        assert card.received()[2] & 0x80
        card.deliver(group[:5] + b"\xfa" + bytes(60))
        assert card.r(RDH) == 1


def test_vlan_filter_and_stripping():
    card = Card(EN | BAM | SECRC | 0x40000)
    card.w(CTRL, card.r(CTRL) | 0x40000000)
    card.w(VFTA + 4 * (5 >> 5), 1 << 5)
    card.deliver(MAC + MAC + b"\x81\0\0\6" + b"\x08\0" + bytes(60))
    assert card.r(RDH) == 0
    card.deliver(MAC + MAC + b"\x81\0\x20\5" + b"\x08\0" + b"z" * 60)
    got, _, status, _, special = card.received()
    assert got == MAC + MAC + b"\x08\0" + b"z" * 60 and status & 8 and special == 0x2005


def test_long_frames_take_several_buffers():
    card = Card(EN | BAM | SECRC | LPE)
    frame = MAC + random.Random(2).randbytes(5000)
    card.deliver(frame, 100_000)
    parts = [card.received(k) for k in range(3)]
    assert b"".join(x[0] for x in parts) == frame
    assert [x[2] & 3 for x in parts] == [1, 1, 3]
    card = Card()
    card.deliver(frame, 100_000)
    assert card.r(RDH) == 0 and card.r(0x40AC) == 1


def test_frames_wait_for_descriptors():
    card = Card(fill=2)
    for k in range(5):
        card.deliver(MAC + bytes([k]) * 60)
    assert card.r(RDH) == 2 and card.dev.port.waiting == 3 and card.r(ICR) & RXDMT0
    card.w(RDT, 10)
    card.clock.set_ns(card.clock.ns + 100_000)
    assert card.r(RDH) == 5 and card.received(4)[0][6:] == bytes([4]) * 60


def test_moderation():
    card = Card()
    card.w(ITR, 400)            # 102.4 us
    card.deliver(MAC + bytes(60), 5000)
    assert card.irq and card.r(ICR) and not card.irq
    card.deliver(MAC + bytes(60), 5000)
    assert not card.irq
    card.clock.set_ns(card.clock.ns + 100_000)
    assert card.irq
    card = Card()
    card.w(RDTR, 20)
    card.w(RADV, 50)
    took = None
    for k in range(20):
        card.deliver(MAC + bytes(60), 10_000)
        if card.irq and took is None:
            took = k
    assert took in (5, 6)
    card = Card()
    card.w(TIDV, 100)
    card.poke(TX_BUF, MAC + bytes(60))
    card.queue(legacy(66, 0x89))
    assert not card.r(ICR) & TXDW
    card.clock.set_ns(card.clock.ns + 110_000)
    assert card.r(ICR) & TXDW


def test_loopback_and_io_window():
    card = Card(EN | BAM | SECRC | 0x40)
    frame = MAC + bytes(80)
    card.poke(TX_BUF, frame)
    card.dev.py_io_write(1, 0, TDT, 4)
    card.poke(TX_RING, legacy(len(frame), 0x0B))
    card.dev.py_io_write(1, 4, 1, 4)
    assert card.sent() == [] and card.received()[0] == frame
    card.dev.py_io_write(1, 0, RDH, 4)
    assert card.dev.py_io_read(1, 4, 4) == 1


def test_endless_rings_do_not_hold_the_machine():
    card = Card()
    card.w(TDLEN, 0xFFF80)
    for k in range(0, 1 << 20, 16):
        card.poke(k, data(0, 0xFFFFF, 0x00))
    card.w(TDBAL, 0)
    card.w(TDT, 0xFFF0)
    assert card.r(TDH) <= 256


def test_random_descriptors_stay_inside():
    dice = random.Random(5)
    for turn in range(300):
        card = Card()
        card.w(RCTL, dice.getrandbits(32) | 2)
        card.w(RXCSUM, dice.getrandbits(32))
        card.w(CTRL, dice.getrandbits(32) & ~0x04000000)
        for k in range(N):
            kind = dice.randrange(3)
            low = dice.getrandbits(20) >> dice.randrange(20) | dice.getrandbits(8) << 24 | (0 if kind == 0 else 1) << 20
            where = dice.getrandbits(64) >> dice.randrange(64)
            card.poke(TX_RING + 16 * k, struct.pack("<QII", where, low, dice.getrandbits(32)))
        card.w(TDT, N - 1)
        for _ in range(20):
            card.deliver(dice.randbytes(dice.choice((14, 60, 64, 1514, 9000))))
        assert turn >= 0 and card.r(TDH) < N
        card.sent()


@pytest.mark.parametrize("hdrlen, mss", [(54, 60000), (60, 10), (255, 1)])
def test_no_context_leads_out_of_the_frame(hdrlen, mss):
    """In the middle of a segmented packet, with other sizes than those what is gathered was checked for."""
    card = Card()
    card.poke(TX_BUF, bytes(range(256)) * 256)
    first, other = (context(14, 24, 33, 34, 50, 0, 60000, 0x07, *sizes) for sizes in ((54, 8000), (hdrlen, mss)))
    card.queue(first, data(TX_BUF, 6000, 0x04), other, data(TX_BUF, min(60000, 40 * mss), 0x04), data(TX_BUF, 54, 0x05))
    assert card.r(TDH) == 5
    assert all(len(frame) <= 16376 for frame in card.sent())
    state = card.dev.save()
    card.dev.load(state)
    assert card.dev.save() == state


def test_a_frame_received_into_the_cards_own_registers(tmp_path):
    """Loopback into TDT: every frame would start the transmitter anew, within itself."""
    image = tmp_path / "guest"
    image.write_bytes(b"\xf4")
    base = 0xFEB00000
    with emu.Machine(memory="4M", kernel=image, raw_addr=0x7C00, nics=(Nic("e1000", addr=4),)) as vm:
        card, bus = vm.board.devices["net0"], vm.engine.bus
        card.py_config_write(0x10, base, 4)
        card.py_config_write(0x04, 6, 2)
        for k in range(8):
            vm.engine.mem.write(0x10000 + 16 * k, struct.pack("<QII", 0x20000, 0x0B000040, 0))
            vm.engine.mem.write(0x11000 + 16 * k, struct.pack("<QQ", base + 0x3800, 0))
        vm.engine.mem.write(0x20000, (b"\xff" * 14).ljust(0x18, b"\0") + struct.pack("<I", 7).ljust(0x28, b"\0"))
        rows = ((RDBAL, 0x11000), (RDLEN, 0x80), (RDT, 7), (RCTL, 0x80DA), (TDBAL, 0x10000), (TDLEN, 0x80), (TCTL, 0x10A))
        for off, value in rows:
            bus.poke(base + off, value)
        bus.poke(base + TDT, 4)
        assert (bus.peek(base + TDH), bus.peek(base + TDT), bus.peek(base + RDH)) == (4, 4, 4)
