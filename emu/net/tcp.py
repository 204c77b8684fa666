"""TCP on virtual time: the end of a connection that the guest talks to, in the user network and in `peer=` servers.

An endpoint hands received bytes to its owner in order and keeps a window open for what the owner has not consumed yet; it
sends what was written, within the guest's window, and sends again what is not acknowledged in time.  What a card with a small
receive ring loses is found by three equal acknowledgements (NewReno), and the window settles at what the ring holds.
Not here: SACK, timestamps, urgent data (delivered in line), keep-alive.  Spec: RFC 9293, RFC 5681 and 6582 (congestion),
RFC 6928 (first window), RFC 6298 (timer), RFC 7323 (window scale).
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .packet import ACK, FIN, PSH, RST, SYN, Segment

MASK = 0xFFFFFFFF
MSS = 1460
RECEIVE_WINDOW = 256 << 10
SCALE = 3
SEND_BUFFER = 512 << 10
IN_FLIGHT = 256 << 10
FIRST_WINDOW = 10               # segments
RTO_NS = 1_000_000_000          # before a round trip has been measured
RTO_MIN_NS = 200_000_000
RTO_MAX_NS = 20_000_000_000
RETRIES = 10
TIME_WAIT_NS = 2_000_000_000
OUT_OF_ORDER = 64               # segments kept that came too early
ACK_SEGMENTS = 8                # acknowledged at once; fewer wait for ACK_NS: every acknowledgement costs the guest an interrupt
ACK_NS = 200_000

CLOSED, SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT = range(10)
STATES = ("CLOSED", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK",
          "TIME_WAIT")
RECEIVING = (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2)
SENDING = (ESTABLISHED, CLOSE_WAIT)
# states in which data or our FIN may still be under way to the other end
UNSETTLED = (SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, CLOSE_WAIT, CLOSING, LAST_ACK)


def after(a: int, b: int) -> bool:
    """Is sequence number a behind b in the stream (a > b)?"""
    return 0 < (a - b & MASK) < 0x80000000


class Owner(Protocol):
    """What an endpoint reports to."""

    def opened(self, end: Endpoint) -> None: ...            # three-way handshake done
    def data(self, end: Endpoint, data: bytes) -> None: ...  # in order; call end.consume(n) when it has gone on
    def eof(self, end: Endpoint) -> None: ...               # the other end has sent all it will
    def writable(self, end: Endpoint) -> None: ...          # some of what was written has been acknowledged
    def closed(self, end: Endpoint, reset: bool) -> None: ...   # the connection is over, whatever happened


class Endpoint:
    """One connection; `output` sends a segment, `now` gives virtual time in ns."""

    def __init__(self, owner: Owner, output: Callable[[Segment], None], now: Callable[[], int], sport: int, dport: int,
                 iss: int) -> None:
        self.owner = owner
        self._output = output
        self._now = now
        self.sport = sport              # ours
        self.dport = dport              # the other end's
        self.state = CLOSED
        self.mss = 536
        self._una = self._nxt = iss & MASK      # oldest unacknowledged, next to send
        self._max = self._una                   # highest sent
        self._wnd = 0                   # the other end's window
        self._wnd_scale = 0
        self._rcv = 0                   # next expected
        self._rcv_scale = 0
        self._unconsumed = 0
        self._advertised = 0            # right edge of the window we told
        self._buffer = bytearray()      # from _una (or behind SYN) on: not acknowledged yet
        self._fin_queued = False
        self._fin_at: int | None = None     # sequence number of our FIN once sent
        self._early: dict[int, bytes] = {}
        self._early_fin: int | None = None
        self._ack_due = False
        self._ack_at: int | None = None     # when what has come is acknowledged at the latest
        self._unacked = 0
        self._dup = 0
        self._cwnd = FIRST_WINDOW * self.mss
        self._ssthresh = IN_FLIGHT
        self._recover: int | None = None    # in fast recovery: what was sent when the loss was seen
        self._lost_to = self._una           # up to here a loss has been answered; equal acknowledgements say nothing new
        self._timed: tuple[int, int] | None = None      # sequence number and time of the segment whose way is being measured
        self._srtt = self._rttvar = 0
        self._rto = RTO_NS
        self._tries = 0
        self._timer: int | None = None      # virtual time of retransmission, or of TIME-WAIT's end

    @property
    def deadline(self) -> int | None:
        """When `expire` wants to be called."""
        if self._timer is None or self._ack_at is None:
            return self._ack_at if self._timer is None else self._timer
        return min(self._timer, self._ack_at)

    # ---- opening ------------------------------------------------------------------------------------------------
    def connect(self) -> None:
        """Open actively: send SYN."""
        self.state = SYN_SENT
        self._rcv_scale = SCALE
        self._send(SYN, mss=MSS, scale=SCALE)
        self._nxt = self._max = self._una + 1 & MASK
        self._arm()

    def accept(self, syn: Segment) -> None:
        """Open passively: answer the SYN."""
        self._take_syn(syn)
        self.state = SYN_RECEIVED
        self._send(SYN | ACK, mss=MSS, scale=SCALE if self._rcv_scale else None)
        self._nxt = self._max = self._una + 1 & MASK
        self._arm()

    def _take_syn(self, syn: Segment) -> None:
        self._rcv = syn.seq + 1 & MASK
        self.mss = max(64, min(syn.mss or 536, MSS))
        self._cwnd = FIRST_WINDOW * self.mss
        self._wnd = syn.window
        self._wnd_scale, self._rcv_scale = (syn.scale, SCALE) if syn.scale is not None else (0, 0)

    # ---- the owner's verbs --------------------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        """Send data, in time."""
        if self._fin_queued or self.state not in (*SENDING, SYN_SENT, SYN_RECEIVED):
            return
        self._buffer += data
        self._push()

    @property
    def room(self) -> int:
        """Bytes that can be written before they pile up."""
        return max(0, SEND_BUFFER - len(self._buffer))

    @property
    def unsent(self) -> int:
        """Bytes written and not acknowledged."""
        return len(self._buffer)

    def consume(self, n: int) -> None:
        """So many received bytes have gone on; the window opens."""
        self._unconsumed -= n
        edge = self._rcv + self._window()
        opened, left = edge - self._advertised & MASK, self._advertised - self._rcv & MASK
        if 2 * MSS <= opened < 0x80000000 and (opened >= edge - self._rcv >> 1 or left < 4 * MSS):
            self._ack_due = True

    def shutdown(self) -> None:
        """No more data from us: FIN behind what is written."""
        if not self._fin_queued and self.state in (*SENDING, SYN_SENT, SYN_RECEIVED):
            self._fin_queued = True
            self._push()

    def abort(self) -> None:
        """Reset the connection."""
        if self.state not in (CLOSED, TIME_WAIT):
            self._send(RST | ACK)
        self._finish(True)

    # ---- from the wire ------------------------------------------------------------------------------------------
    def segment(self, seg: Segment) -> None:
        """A segment of this connection came."""
        if self.state == CLOSED:
            return
        if self.state == SYN_SENT:
            self._in_syn_sent(seg)
            return
        if seg.flags & RST:
            if not after(self._rcv, seg.seq) and not after(seg.seq, self._rcv + self._window() & MASK):
                self._finish(True)
            return
        if seg.flags & SYN:
            if self.state == SYN_RECEIVED and seg.seq + 1 & MASK == self._rcv:
                self._send_at(self._una, SYN | ACK, mss=MSS, scale=SCALE if self._rcv_scale else None)
            else:
                self._ack_due = True
            return
        if not seg.flags & ACK:
            return
        self._acknowledged(seg)
        if self.state != CLOSED and (seg.body or seg.flags & FIN):
            self._incoming(seg)

    def _in_syn_sent(self, seg: Segment) -> None:
        if seg.flags & ACK and seg.ack != self._nxt:
            if not seg.flags & RST:
                self._output(Segment(self.sport, self.dport, seg.ack, 0, RST, 0))
            return
        if seg.flags & RST:
            if seg.flags & ACK:
                self._finish(True)
            return
        if not seg.flags & SYN:
            return
        self._take_syn(seg)
        if not seg.flags & ACK:             # both opened at once
            self.state = SYN_RECEIVED
            self._send_at(self._una, SYN | ACK, mss=MSS, scale=SCALE)
            return
        self._una = seg.ack
        self._establish()
        self._ack_due = True

    def _establish(self) -> None:
        self.state = ESTABLISHED
        self._timer = None
        self._tries = 0
        self._rto = RTO_NS
        self._lost_to = self._una
        self.owner.opened(self)
        self._push()

    def _acknowledged(self, seg: Segment) -> None:
        ack = seg.ack
        if after(ack, self._max):
            self._ack_due = True
            return
        if self.state == SYN_RECEIVED:
            if ack != self._una + 1 & MASK and not after(ack, self._una + 1 & MASK):
                return
            self._una = self._una + 1 & MASK
            self._wnd = seg.window << self._wnd_scale
            self._establish()
            if self.state == CLOSED:        # the owner closed at once
                return
        if not after(self._una, ack):
            opened = (seg.window << self._wnd_scale) > self._wnd
            self._wnd = seg.window << self._wnd_scale
        else:
            return
        gone = ack - self._una & MASK
        if gone:
            fin = self._fin_at is not None and ack == self._fin_at + 1 & MASK
            del self._buffer[:gone - fin]
            self._una = ack
            if after(self._una, self._nxt):
                self._nxt = self._una
            self._tries = 0
            self._measure(ack)
            self._grow(gone, ack)
            self._arm()
            if fin:
                self._fin_acknowledged()
                if self.state == CLOSED:
                    return
            elif gone:
                self.owner.writable(self)
        elif not seg.body and not seg.flags & FIN and self._una != self._max and not opened:
            self._duplicate()
        self._push()

    def _measure(self, ack: int) -> None:
        """The retransmission time, from round trips of what was sent once only (RFC 6298)."""
        if self._timed is not None and not after(self._timed[0], ack):
            rtt = self._now() - self._timed[1]
            self._timed = None
            if self._srtt:
                self._rttvar += (abs(self._srtt - rtt) - self._rttvar) // 4
                self._srtt += (rtt - self._srtt) // 8
            else:
                self._srtt, self._rttvar = max(rtt, 1), rtt // 2
        self._rto = max(RTO_MIN_NS, self._srtt + 4 * self._rttvar) if self._srtt else RTO_NS

    def _grow(self, gone: int, ack: int) -> None:
        """`gone` more bytes have arrived."""
        self._dup = 0
        if self._recover is None:
            more = gone if self._cwnd < self._ssthresh else max(1, self.mss * gone // self._cwnd)
            self._cwnd = min(self._cwnd + more, IN_FLIGHT)
        elif after(self._recover, ack):         # the next hole
            self._cwnd = max(self._cwnd - gone + self.mss, self.mss)
            self._resend()
        else:
            self._recover = None
            self._cwnd = self._ssthresh

    def _duplicate(self) -> None:
        """An acknowledgement of what was acknowledged: a segment behind it has arrived."""
        self._dup += 1
        if self._recover is not None:
            self._cwnd = min(self._cwnd + self.mss, IN_FLIGHT)
        elif self._dup == 3 and not after(self._lost_to, self._una):
            self._ssthresh = max(min(self._max - self._una & MASK, self._cwnd) // 2, 2 * self.mss)
            self._cwnd = self._ssthresh + 3 * self.mss
            self._recover = self._lost_to = self._max
            self._resend()

    def _fin_acknowledged(self) -> None:
        if self.state == FIN_WAIT_1:
            self.state = FIN_WAIT_2
            self._timer = None
        elif self.state == CLOSING:
            self._time_wait()
        elif self.state == LAST_ACK:
            self._finish(False)

    def _incoming(self, seg: Segment) -> None:
        if self.state not in RECEIVING or seg.seq != self._rcv or seg.flags & FIN or self._early:
            self._ack_due = True
        if self.state not in RECEIVING:
            return
        body, seq = seg.body, seg.seq
        fin_at = seq + len(body) & MASK if seg.flags & FIN else None
        if after(self._rcv, seq):                   # begins with what we have
            body = body[self._rcv - seq & MASK:]
            seq = self._rcv
        room = self._window()
        if seq != self._rcv:
            if (seq - self._rcv & MASK) < room and len(self._early) < OUT_OF_ORDER:
                self._early[seq] = body
                if fin_at is not None:
                    self._early_fin = fin_at
            return
        if fin_at is not None:
            self._early_fin = fin_at
        self._take(body[:room])
        while self._early:
            nxt = next((s for s in self._early if not after(s, self._rcv)), None)
            if nxt is None:
                break
            body = self._early.pop(nxt)
            self._take(body[self._rcv - nxt & MASK:][:self._window()])
        if self._early_fin is not None and self._early_fin == self._rcv and self.state in RECEIVING:
            self._rcv = self._rcv + 1 & MASK
            if self.state == ESTABLISHED:
                self.state = CLOSE_WAIT
            elif self.state == FIN_WAIT_1:
                self.state = CLOSING
            else:
                self._time_wait()
            self.owner.eof(self)

    def _take(self, body: bytes) -> None:
        if body and self.state in RECEIVING:
            self._rcv = self._rcv + len(body) & MASK
            self._unconsumed += len(body)
            self._unacked += len(body)
            if self._unacked >= ACK_SEGMENTS * self.mss or not self._window():
                self._ack_due = True
            elif self._ack_at is None:
                self._ack_at = self._now() + ACK_NS
            self.owner.data(self, body)

    # ---- to the wire --------------------------------------------------------------------------------------------
    def _window(self) -> int:
        return max(0, RECEIVE_WINDOW - self._unconsumed) if self._rcv_scale else max(0, 0xFFFF - self._unconsumed)

    def _send(self, flags: int, body: bytes = b"", mss: int | None = None, scale: int | None = None) -> None:
        self._send_at(self._nxt, flags, body, mss, scale)

    def _send_at(self, seq: int, flags: int, body: bytes = b"", mss: int | None = None, scale: int | None = None) -> None:
        window = self._window()
        field = min(window, 0xFFFF) if flags & SYN else min(window >> self._rcv_scale, 0xFFFF)
        if flags & ACK:
            self._ack_due = False
            self._ack_at = None
            self._unacked = 0
            self._advertised = self._rcv + window
        self._output(Segment(self.sport, self.dport, seq, self._rcv if flags & ACK else 0, flags, field, body, mss, scale))

    def _push(self) -> None:
        """Send what the window and the limit allow."""
        if self.state not in (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, CLOSING, LAST_ACK):
            return
        ahead = min(self._dup, 2) * self.mss if self._recover is None else 0    # limited transmit (RFC 3042)
        limit = min(self._wnd, self._cwnd + ahead)
        while True:
            flying = self._nxt - self._una & MASK
            size = min(len(self._buffer) - flying, limit - flying, self.mss)
            if size <= 0 or size < self.mss and flying and size < len(self._buffer) - flying:
                break
            last = flying + size == len(self._buffer)
            self._send(ACK | PSH if last else ACK, bytes(memoryview(self._buffer)[flying:flying + size]))
            self._advance(size)
        if self._fin_queued and self._nxt - self._una & MASK == len(self._buffer) and self._fin_at in (None, self._nxt):
            if self._fin_at is None:
                self._fin_at = self._nxt
                self.state = LAST_ACK if self.state == CLOSE_WAIT else FIN_WAIT_1
            self._send(FIN | ACK)
            self._advance(1)
        if self._timer is None and (self._una != self._nxt or self._buffer):
            self._arm()

    def _advance(self, size: int) -> None:
        self._nxt = self._nxt + size & MASK
        if after(self._nxt, self._max):
            self._max = self._nxt
            if self._timed is None:
                self._timed = self._nxt, self._now()
        if self._timer is None:
            self._arm()

    def _resend(self) -> None:
        """The oldest segment once more."""
        flags = ACK
        self._timed = None
        if self.state == SYN_SENT:
            self._send_at(self._una, SYN, mss=MSS, scale=SCALE)
        elif self.state == SYN_RECEIVED:
            self._send_at(self._una, SYN | ACK, mss=MSS, scale=SCALE if self._rcv_scale else None)
        else:
            # a window of zero is probed with one byte
            size = min(len(self._buffer), self.mss, max(self._wnd, 1))
            body = bytes(memoryview(self._buffer)[:size])
            if self._fin_at is not None and size == len(self._buffer):
                flags |= FIN
            if not body and not flags & FIN:
                return
            self._send_at(self._una, flags, body)
            if after(self._una + size & MASK, self._nxt):
                self._nxt = self._una + size & MASK
            if after(self._nxt, self._max):
                self._max = self._nxt

    def flush(self) -> None:
        """Send the acknowledgement that is due; called when a batch of frames has been worked off."""
        if self._ack_due and self.state not in (CLOSED, SYN_SENT):
            self._send(ACK)

    # ---- time ---------------------------------------------------------------------------------------------------
    def _arm(self) -> None:
        waiting = self.state in UNSETTLED and (self._una != self._max or bool(self._buffer))
        self._timer = self._now() + self._rto if waiting else None

    def expire(self) -> None:
        """The deadline has come."""
        now = self._now()
        if self._ack_at is not None and self._ack_at <= now:
            self._ack_at = None
            self._ack_due = True
        if self._timer is None or self._timer > now:
            return
        self._timer = None
        if self.state == TIME_WAIT:
            self._finish(False)
            return
        if self.state not in UNSETTLED:
            return
        self._tries += 1
        if self._tries > RETRIES:
            self.abort()
            return
        self._rto = min(self._rto * 2, RTO_MAX_NS)
        self._dup = 0
        self._timed = self._recover = None
        self._ssthresh = max(min(self._max - self._una & MASK, self._cwnd) // 2, 2 * self.mss)
        self._cwnd = self.mss
        self._lost_to = self._max
        if self._wnd and self.state not in (SYN_SENT, SYN_RECEIVED):
            self._nxt = self._una       # everything behind it may be lost, too
            self._push()
        else:
            self._resend()
        self._arm()

    def _time_wait(self) -> None:
        self.state = TIME_WAIT
        self._timer = self._now() + TIME_WAIT_NS

    def _finish(self, reset: bool) -> None:
        if self.state == CLOSED:
            return
        self.state = CLOSED
        self._timer = self._ack_at = None
        self._buffer.clear()
        self._early.clear()
        self.owner.closed(self, reset)
