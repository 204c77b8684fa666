"""The TCP endpoint against itself over a wire that delays and loses what the test says, on virtual time."""
from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest
from fake import Client

from emu.net import packet as p
from emu.net.tcp import MSS, RTO_MIN_NS, Endpoint


class Pair:
    """Two endpoints, `delay_ns` apart; `lose(number, segment, now)` decides about every segment a sends.

    With a `ring` b's card stores that many segments, and its driver takes `service_ns` for each."""

    def __init__(self, lose: Callable[[int, p.Segment, int], bool], delay_ns: int = 1_000_000, ring: int = 0,
                 service_ns: int = 0) -> None:
        self.ns = 0
        self.lose = lose
        self.delay_ns = delay_ns
        self.sent: list[tuple[int, p.Segment]] = []
        self._queue: list[tuple[int, int, int, p.Segment]] = []
        self._count = 0
        self._ring = ring
        self._service_ns = service_ns
        self._stored: list[int] = []        # when the driver will have taken each segment of the ring
        self.clients = Client(), Client()
        self.a = self.clients[0].end = Endpoint(self.clients[0], lambda seg: self.out(0, seg), lambda: self.ns, 1, 2, 0xFFFFF000)
        self.b = self.clients[1].end = Endpoint(self.clients[1], lambda seg: self.out(1, seg), lambda: self.ns, 2, 1, 77)
        self.a.connect()

    def out(self, side: int, seg: p.Segment) -> None:
        self._count += 1
        if side == 0:
            self.sent.append((self.ns, seg))
            if self.lose(len(self.sent), seg, self.ns):
                return
        arrival = self.ns + self.delay_ns
        if self._ring and side == 0:
            self._stored = [at for at in self._stored if at > arrival]
            if len(self._stored) >= self._ring:
                return
            arrival = max([arrival, *self._stored]) + self._service_ns
            self._stored.append(arrival)
        heapq.heappush(self._queue, (arrival, self._count, 1 - side, seg))

    def run(self, done: Callable[[], bool], seconds: float = 100) -> None:
        limit = self.ns + int(seconds * 1e9)
        ends = self.a, self.b
        while not done():
            times = [end.deadline for end in ends if end.deadline is not None] + [item[0] for item in self._queue[:1]]
            assert times, "nothing will ever happen again"
            self.ns = max(self.ns, min(times))
            assert self.ns < limit, "it took too long"
            while self._queue and self._queue[0][0] <= self.ns:
                _, _, side, seg = heapq.heappop(self._queue)
                if side and self.b.state == 0:
                    self.b.accept(seg)
                else:
                    ends[side].segment(seg)
                ends[side].flush()
            for end in ends:
                if end.deadline is not None and end.deadline <= self.ns:
                    end.expire()
                    end.flush()

    def transfer(self, data: bytes) -> int:
        """Nanoseconds it took; the data arrives whole."""
        self.run(lambda: self.clients[0].is_open and self.clients[1].is_open)
        began = self.ns
        self.a.write(data)
        self.run(lambda: len(self.clients[1].got) == len(data))
        assert self.clients[1].got == data
        return self.ns - began


def test_one_lost_segment_is_sent_again_without_the_timer() -> None:
    data = random.Random(1).randbytes(200_000)
    clean = Pair(lambda number, seg, now: False)
    pair = Pair(lambda number, seg, now: number == 20)
    assert pair.transfer(data) < clean.transfer(data) + 15_000_000
    assert len(pair.sent) == len(clean.sent) + 1


def test_several_losses_of_one_window_are_mended_without_the_timer() -> None:
    lost = {40, 42, 45, 50}
    pair = Pair(lambda number, seg, now: number in lost)
    assert pair.transfer(random.Random(2).randbytes(300_000)) < RTO_MIN_NS
    assert pair.clients[0].end.state == pair.clients[1].end.state == 3


def test_a_lost_tail_waits_for_the_timer_which_doubles() -> None:
    pair = Pair(lambda number, seg, now: now < 3_000_000_000 and len(seg.body) == 77)
    took = pair.transfer(b"x" * (10 * MSS) + b"y" * 77)
    times = [at for at, seg in pair.sent if len(seg.body) == 77]
    gaps = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    assert gaps[0] >= RTO_MIN_NS and all(1.9 < b / a < 2.1 for a, b in zip(gaps, gaps[1:], strict=False))
    assert took > 3_000_000_000


def test_round_trips_are_measured() -> None:
    """A slow wire is not taken for a lossy one."""
    pair = Pair(lambda number, seg, now: False, delay_ns=450_000_000)
    pair.transfer(b"z" * 1_000_000)
    assert len({seg.seq for _, seg in pair.sent if seg.body}) == sum(1 for _, seg in pair.sent if seg.body)


def test_the_first_window_is_ten_segments_and_doubles() -> None:
    pair = Pair(lambda number, seg, now: False)
    pair.transfer(b"z" * 100_000)
    began = next(at for at, seg in pair.sent if seg.body)
    trips = [(at - began) // 1_900_000 for at, seg in pair.sent if seg.body]
    assert [trips.count(k) for k in range(4)] == [10, 20, 39, 0]        # 69 segments in all


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_random_loss_is_survived(share: float) -> None:
    dice = random.Random(share)
    pair = Pair(lambda number, seg, now: dice.random() < share)
    pair.transfer(dice.randbytes(400_000))
    pair.a.shutdown()
    pair.run(lambda: pair.clients[1].at_eof)


def test_a_ring_of_nine_frames_is_filled_and_not_flooded() -> None:
    """A card that stores nine frames and whose driver takes 200 us for each, as ne2k's."""
    pair = Pair(lambda number, seg, now: False, delay_ns=200_000, ring=9, service_ns=200_000)
    took = pair.transfer(random.Random(4).randbytes(4_000_000))
    segments = 4_000_000 // MSS
    assert len(pair.sent) < segments * 1.05
    assert took < 1.5 * segments * 200_000
