"""-d: what the processor does, as text.

int           every exception and interrupt delivered
cpu_reset     registers at every reset
exec          every instruction executed: count, CS:EIP, linear address
in_asm        every instruction the first time it is executed (disassembled when capstone is there)
guest_errors  accesses that nothing answered

The engine is run in pieces short enough that its ring of the last deliveries misses nothing, so a traced run takes the same
course as any other, only slower: about 10 M instructions a second for int, 200 k for exec and in_asm.
"""
from __future__ import annotations

from typing import Any, TextIO

from . import report
from .core import CoreStop, Engine
from .errors import ConfigError, suggest

ITEMS = {
    "int": "exceptions and interrupts as they are delivered",
    "cpu_reset": "registers at every reset",
    "in_asm": "each guest instruction the first time it is executed",
    "exec": "every instruction executed",
    "guest_errors": "accesses to ports and addresses that nothing answers",
}
PIECE = 60              # fewer than the ring of deliveries holds


def parse_items(text: str) -> frozenset[str]:
    """The items of "-d a,b"; ConfigError for an unknown one."""
    items = [item for item in text.split(",") if item]
    for item in items:
        if item not in ITEMS:
            raise ConfigError(f"-d: unknown log item {item!r}" + suggest(item, ITEMS))
    return frozenset(items)


class LogTracer:
    """Writes the chosen items to a stream."""

    def __init__(self, engine: Engine, items: frozenset[str], stream: TextIO) -> None:
        self.engine = engine
        self.items = items
        self.stream = stream
        self._piece = 1 if items & {"exec", "in_asm"} else PIECE if items & {"int", "guest_errors"} else 0
        self._seen: set[tuple[int, int]] = set()
        counters = engine.counters()
        self._deliveries = counters["deliveries"]
        self._unclaimed = counters["bus_unclaimed"]
        if "cpu_reset" in items:
            self.event("cpu_reset")

    def run(self, max_insns: int, until_ns: int | None) -> CoreStop:
        """As Engine.run, a piece at a time."""
        engine = self.engine
        if not self._piece:
            return engine.run(max_insns, until_ns)
        end = engine.icount + max_insns
        while True:
            if self._piece == 1:
                self._instruction()
            stop = engine.run(min(self._piece, end - engine.icount), until_ns)
            self._look()
            if stop.reason != "budget" or engine.icount >= end or (until_ns is not None and engine.now_ns >= until_ns):
                return stop

    def event(self, name: str) -> None:
        """Something that happened to the whole machine."""
        if name == "cpu_reset" and "cpu_reset" in self.items:
            self._put("CPU Reset (CPU 0)", *report.register_lines(self.engine.regs()))
        self.stream.flush()

    def _put(self, *lines: str) -> None:
        self.stream.write("".join(line + "\n" for line in lines))

    def _look(self) -> None:
        counters = self.engine.counters()
        fresh = counters["deliveries"] - self._deliveries
        if fresh and "int" in self.items:
            rows = self.engine.exceptions()[-fresh:]
            for number, row in enumerate(rows, counters["deliveries"] - len(rows)):
                self._put(_delivery(number, row))
        self._deliveries = counters["deliveries"]
        if counters["bus_unclaimed"] != self._unclaimed and "guest_errors" in self.items:
            regs = self.engine.regs()
            self._put(f"guest error: {counters['bus_unclaimed'] - self._unclaimed} access(es) that nothing answers, before "
                      f"{regs['cs']:04x}:{regs['eip']:08x}")
        self._unclaimed = counters["bus_unclaimed"]

    def _instruction(self) -> None:
        """Note the instruction about to be executed."""
        regs = self.engine.regs()
        linear = (regs["cs_base"] + regs["eip"]) & 0xFFFFFFFF
        if "exec" in self.items and not self.engine.halted:
            self._put(f"exec {self.engine.icount} {regs['cs']:04x}:{regs['eip']:08x} [{linear:08x}]")
        if "in_asm" in self.items and (regs["cr3"], linear) not in self._seen:
            self._seen.add((regs["cr3"], linear))
            code = report.read_code(self.engine, linear, 15)
            bits = 32 if regs["cr0"] & 1 and not regs["eflags"] >> 17 & 1 and regs["cs_attr"] & report.D_BIT else 16
            text = report.disassemble(code, linear, bits, 1) or [f"{linear:08x}  {code.hex(' ')}"]
            self._put(*text)


def _delivery(number: int, row: dict[str, Any]) -> str:
    text = f"{number:6}: v={row['vector']:02x} e={row['error']:04x} i={int(row['kind'] == 'irq')} cpl={row['cpl']}"
    text += f" IP={row['cs']:04x}:{row['eip']:08x} pc={(row['base'] + row['eip']) & 0xFFFFFFFF:08x} icount={row['icount']}"
    return text + (f" CR2={row['cr2']:08x}" if row["vector"] == 14 and row["kind"] != "irq" else "")
