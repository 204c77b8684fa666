"""The Cython core as Python sees it: the only module that imports it, and the types of what it gives."""
from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt


class CoreStop(Protocol):
    """Why Engine.run came back; see emu_core_pyx.engine.REASONS."""

    reason: str
    code: int
    detail: int


class Clock(Protocol):
    shift: int
    base_unix: int
    ns: int


class Device(Protocol):
    """Python face of emu_core_pyx.bus.device.Device."""

    name: str

    def attach(self, clock: Clock) -> None: ...
    def reset(self) -> None: ...
    def save(self) -> bytes: ...
    def load(self, data: bytes) -> None: ...
    def py_line(self, pin: int, level: int) -> None: ...


class Line(Protocol):
    high: bool

    def connect(self, sink: Device, pin: int = 0) -> None: ...


class HostRing(Protocol):
    """Bytes between guest and host."""

    discard: bool
    live: bool
    near_full: Line
    count: int
    total: int

    def take(self) -> bytes: ...
    def feed(self, data: bytes) -> int: ...
    def clear(self) -> None: ...


class Bus(Protocol):
    def map_io(self, device: Device, region: int, base: int, count: int) -> int: ...
    def map_mmio(self, device: Device, region: int, base: int, size: int) -> int: ...
    def inp(self, port: int, size: int = 1) -> int: ...
    def peek(self, phys: int, size: int = 4) -> int: ...
    def outp(self, port: int, value: int, size: int = 1) -> None: ...


class PhysMem(Protocol):
    ram: npt.NDArray[np.uint8]

    def read(self, phys: int, n: int) -> bytes: ...
    def write(self, phys: int, data: bytes) -> None: ...
    def add_rom(self, phys: int, data: bytes, name: str = "rom") -> int: ...
    def alias(self, phys: int, first: int, n: int, writable: bool, name: str = "alias") -> None: ...


class Engine(Protocol):
    """Python face of emu_core_pyx.engine.Engine."""

    clock: Clock
    bus: Bus
    mem: PhysMem
    pins: Device
    idle_ok: bool
    icount: int
    now_ns: int
    halted: bool

    def run(self, max_insns: int = ..., until_ns: int | None = None) -> CoreStop: ...
    def request_stop(self) -> None: ...
    def reset(self) -> None: ...
    def set_irq_source(self, source: Device) -> None: ...
    def set_apic(self, device: Device) -> None: ...
    def idle_ns(self) -> int | None: ...
    def settle(self) -> None: ...
    def skip_ns(self, ns: int) -> None: ...
    def regs(self) -> dict[str, int]: ...
    def set_regs(self, **regs: int) -> None: ...
    def cpuid(self, leaf: int, sub: int = 0) -> tuple[int, int, int, int]: ...
    def set_segment(self, name: str, sel: int, base: int, limit: int, attr: int) -> None: ...
    def enter_protected(self, eip: int, esp: int = 0, gdt_base: int = 0, gdt_limit: int = 0, cs: int = 8, ds: int = 16,
                        **gpr: int) -> None: ...
    def read_virt(self, lin: int, n: int) -> bytes: ...
    def virt_to_phys(self, lin: int) -> int | None: ...
    def exceptions(self) -> list[dict[str, Any]]: ...
    def calls(self) -> list[dict[str, int]]: ...
    def deliveries(self) -> dict[int, int]: ...
    def fpu(self) -> dict[str, Any]: ...
    def fault_chain(self) -> list[tuple[int, int]]: ...
    def counters(self) -> dict[str, int]: ...
    def flush_code(self) -> None: ...
    def save_cpu(self) -> bytes: ...
    def load_cpu(self, data: bytes) -> None: ...


def new_engine(ram_bytes: int, cpu: str, mmu: str, feat: int | None = None) -> Engine:
    """A processor with its memory, bus and clock; `feat` in place of the model's own features."""
    return cast(Engine, import_module("emu_core_pyx.engine").Engine(ram_bytes, cpu, mmu, feat))


def cpu_tables() -> tuple[dict[str, frozenset[str]], dict[str, int]]:
    """Features by model, and the bit of each feature in `feat`."""
    cpuid = import_module("emu_core_pyx.cpu.cpuid")
    return {name: frozenset(model.features) for name, model in cpuid.models().items()}, dict(cpuid.FEATURES)


def new_device(part: str) -> Any:
    """An instance of "module.Class" of emu_core_pyx.devices."""
    module, cls = part.split(".")
    return getattr(import_module(f"emu_core_pyx.devices.{module}"), cls)()


def new_dma(engine: Engine) -> Any:
    """The way devices reach this engine's memory."""
    return import_module("emu_core_pyx.bus.guestdma").GuestDma(engine.clock)


def core_error(name: str) -> type[Exception]:
    """The core's own exception class: "bus.BoardError", "visitor.StateError"."""
    module, cls = name.split(".")
    return cast("type[Exception]", getattr(import_module(f"emu_core_pyx.bus.{module}"), cls))


def new_medium(cls: str, *args: Any) -> Any:
    """A "module.Class" of emu_core_pyx.bus: where a disk's bytes are."""
    module, name = cls.split(".")
    return getattr(import_module(f"emu_core_pyx.bus.{module}"), name)(*args)
