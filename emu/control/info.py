"""`info` of the monitor: the devices of the machine as text, in QEMU's format where it has one."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .. import __version__
from ..boards import ISA_IRQS
from ..machine import Machine
from ..net.user import UserNet
from . import dump
from .qmp_block import locked, tray_open
from .qmp_net import card_names

Info = Callable[[Machine], str]
ITEMS: dict[str, tuple[str, Info]] = {}
CLASSES = {0x0100: "SCSI controller", 0x0101: "IDE controller", 0x0102: "Floppy controller", 0x0106: "SATA controller",
           0x0200: "Ethernet controller", 0x0280: "Network controller", 0x0300: "VGA controller", 0x0380: "Display controller",
           0x0401: "Audio controller", 0x0600: "Host bridge", 0x0601: "ISA bridge", 0x0604: "PCI bridge", 0x0680: "Bridge",
           0x0C03: "USB controller", 0x0C05: "SMBus"}
DELIVERY = ("fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT")


def info(name: str, text: str) -> Callable[[Info], Info]:
    """Register the function below as `info name`."""
    def register(function: Info) -> Info:
        ITEMS[name] = (text, function)
        return function
    return register


@info("registers", "show the cpu registers")
def _registers(machine: Machine) -> str:
    return dump.registers(machine.engine)


@info("mem", "show the active virtual memory mappings")
def _mem(machine: Machine) -> str:
    return dump.mapped_ranges(machine.engine)


@info("tlb", "show virtual to physical memory mappings")
def _tlb(machine: Machine) -> str:
    return dump.mappings(machine.engine)


@info("status", "show the current VM status (running|paused)")
def _status(machine: Machine) -> str:
    status = machine.status
    return "VM status: " + (status if status in ("running", "paused") else f"paused ({status})")


@info("version", "show the version")
def _version(machine: Machine) -> str:
    return f"{__version__} (emu)"


@info("name", "show the current VM name")
def _name(machine: Machine) -> str:
    return machine.config.name


@info("cpus", "show infos for each CPU")
def _cpus(machine: Machine) -> str:
    return f"* CPU #0: thread_id={os.getpid()}" + (" (halted)" if machine.engine.halted else "")


@info("pic", "show PIC state")
def _pic(machine: Machine) -> str:
    devices = machine.board.devices
    lines = ["ioapic0: ver=0x20 id=0x00 sel=0x00"]
    for k, entry in enumerate(devices["ioapic"].info):
        lines.append(f"  pin {k:<2} {entry:#018x} dest={entry >> 56:<2x} vec={entry & 255:<3} "
                     f"active-{'lo' if entry >> 13 & 1 else 'hi'} {'level' if entry >> 15 & 1 else 'edge '} "
                     f"{'masked' if entry >> 16 & 1 else '      '} {DELIVERY[entry >> 8 & 7]:<6} "
                     f"{'logical' if entry >> 11 & 1 else 'physical'}")
    irr = [str(k) for k in range(24) if devices["ioapic"].levels_now >> k & 1]
    lines.append("  IRR      " + (" ".join(irr) or "(none)"))
    remote = [str(k) for k, entry in enumerate(devices["ioapic"].info) if entry >> 14 & 1]
    lines.append("  Remote IRR " + (" ".join(remote) or "(none)"))
    for number, chip in reversed(list(enumerate(devices["pic"].info))):
        lines.append(f"pic{number}: irr={chip['irr']:02x} imr={chip['imr']:02x} isr={chip['isr']:02x} hprio=0 "
                     f"irq_base={chip['base']:02x} rr_sel=0 elcr={chip['elcr']:02x} fnm=0")
    return "\n".join(lines)


@info("lapic", "show local apic state")
def _lapic(machine: Machine) -> str:
    state: dict[str, Any] = machine.board.devices["lapic"].info
    lines = [f"local APIC {state['id']}: {'enabled' if state['enabled'] else 'disabled'} TPR={state['tpr']:02x} "
             f"PPR={state['ppr']:02x} timer count={state['count']}"]
    lines += [f"  {name.upper()}: " + (" ".join(f"{v:02x}" for v in state[name]) or "(none)") for name in ("irr", "isr", "tmr")]
    lines.append("  LVT: " + " ".join(f"{v:08x}" for v in state["lvt"]))
    return "\n".join(lines)


@info("irq", "show the interrupts statistics (by vector, of all delivered)")
def _irq(machine: Machine) -> str:
    counts = machine.engine.deliveries()
    bases = {chip["base"]: 8 * k for k, chip in enumerate(machine.board.devices["pic"].info)}
    lines = ["Deliveries by vector (exceptions and interrupts):"]
    for vector, n in sorted(counts.items()):
        irq = next((first + vector - base for base, first in bases.items() if 0 <= vector - base < 8 and vector >= 8), None)
        lines.append(f"{vector:#04x}: {n}" + (f"  (IRQ {irq} if by the 8259)" if irq is not None else ""))
    return "\n".join(lines)


@info("mtree", "show memory tree")
def _mtree(machine: Machine) -> str:
    bus: Any = machine.engine.bus
    mem: Any = machine.engine.mem
    rows = [(base, size, kind, name) for base, size, kind, name in mem.regions()]
    rows += [(base, size, "i/o", name) for kind, base, size, name, _ in bus.listing() if kind == "mmio"]
    lines = ["address-space: memory", "  0000000000000000-ffffffffffffffff (prio 0, i/o): system"]
    lines += [f"    {base:016x}-{base + size - 1:016x} (prio 0, {kind}): {name}" for base, size, kind, name in sorted(rows)]
    lines += ["", "address-space: I/O", "  0000000000000000-000000000000ffff (prio 0, i/o): io"]
    lines += [f"    {base:016x}-{base + size - 1:016x} (prio 0, i/o): {name}"
              for kind, base, size, name, _ in bus.listing() if kind == "io"]
    return "\n".join(lines)


@info("block", "show info of the block devices")
def _block(machine: Machine) -> str:
    parts = []
    for drive in machine.drives.values():
        opened = drive.opened
        head = f"{drive.name}: [not inserted]"
        if opened is not None:
            head = f"{drive.name}: {opened.disk.path} ({opened.format}{', read-only' if opened.readonly else ''})"
        lines = [head, f"    Attached to:      /machine/{drive.disk.interface}{drive.disk.bus or 0}.{drive.disk.unit or 0}"]
        if drive.removable:
            lines.append(f"    Removable device: {'locked' if locked(drive) else 'not locked'}, "
                         f"tray {'open' if tray_open(drive) else 'closed'}")
        if opened is not None:
            lines.append(f"    Cache mode:       {drive.disk.cache}" + (", snapshot" if drive.disk.snapshot else ""))
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


@info("blockstats", "show block device statistics")
def _blockstats(machine: Machine) -> str:
    lines = []
    for drive in machine.drives.values():
        m: Any = drive.medium
        if m is not None:
            lines.append(f"{drive.name}: rd_bytes={m.bytes_read} wr_bytes={m.bytes_written} rd_operations={m.reads} "
                         f"wr_operations={m.writes} flush_operations={m.flushes}")
    return "\n".join(lines)


@info("pci", "show PCI info")
def _pci(machine: Machine) -> str:
    lines = []
    for device in machine.board.devices["pci"].devices:
        d = device.info
        lines.append(f"  Bus  0, device {d['devfn'] >> 3:3}, function {d['devfn'] & 7}:")
        kind = CLASSES.get(d["class"] >> 8, f"Class {d['class'] >> 8:04d}")
        lines.append(f"    {kind}: PCI device {d['vendor']:04x}:{d['device']:04x}")
        vendor, sub = device.py_config_read(0x2C, 2), device.py_config_read(0x2E, 2)
        if vendor or sub:
            lines.append(f"      PCI subsystem {vendor:04x}:{sub:04x}")
        if d["pin"]:
            lines.append(f"      IRQ {d['irq_line']}, pin {'?ABCD'[d['pin']] if d['pin'] < 5 else '?'}")
        for bar, base, size in d["bars"]:
            if bar == "io":
                lines.append(f"      I/O at {base:#06x} [{base + size - 1:#06x}].")
            else:
                lines.append(f"      32 bit memory at {base:#010x} [{base + size - 1:#010x}].")
        lines.append(f'      id "{device.name}"')
    return "\n".join(lines)


@info("qtree", "show device tree")
def _qtree(machine: Machine) -> str:
    bus: Any = machine.engine.bus
    regions: dict[str, list[str]] = {}
    for kind, base, size, name, _ in bus.listing():
        regions.setdefault(name, []).append(f"{'isa' if kind == 'io' else 'mmio'} {base:#x}-{base + size - 1:#x}")
    names = {v: k for k, v in ISA_IRQS.items()}
    lines = ["bus: main-system-bus"]
    for part in machine.board.parts:
        where = f", addr = {part.devfn >> 3:02x}.{part.devfn & 7}" if part.devfn is not None else ""
        lines.append(f'  dev: {part.cls.split(".")[0].replace("_", "-")}, id "{part.name}"{where}')
        lines += [f"    {text}" for text in regions.get(part.name, [])]
        for output, sink, pin in part.lines():
            end = names.get(int(pin), pin) if sink == "gsi" and pin.isdigit() else pin
            lines.append(f"    {output} -> {sink} {end}")
    return "\n".join(lines)


@info("mice", "show which guest mouse is receiving events")
def _mice(machine: Machine) -> str:
    on = machine.board.devices["i8042"].mouse.reporting
    return "* Mouse #0: PS/2 Mouse" + ("" if on else " (the guest has not switched it on)")


@info("chardev", "show the character devices")
def _chardev(machine: Machine) -> str:
    lines = [f"serial{k}: filename={c.kind}{':' + c.path if c.path else ''}" for k, c in enumerate(machine.config.serials)]
    if machine.config.debugcon is not None:
        lines.append(f"debugcon: filename={machine.config.debugcon.kind}")
    return "\n".join(lines)


@info("network", "show the network state")
def _network(machine: Machine) -> str:
    lines = []
    for k, (nic, name) in enumerate(zip(machine.config.nics, card_names(machine), strict=True)):
        mac = ":".join(f"{b:02x}" for b in nic.address(k))
        port = machine.board.net_ports[k]
        lines.append(f"{name}: index=0,type=nic,model={nic.model},macaddr={mac} sent={port.sent} received={port.received} "
                     f"dropped={port.dropped}{'' if port.link else ' link=off'}")
        wire = machine.wires[k]
        if wire is not None:
            lines.append(f" \\ {nic.netdev_id or f'net{k}'}: index=0,{wire.backend.info()}")
    return "\n".join(lines)


@info("usernet", "show user network stack connection states")
def _usernet(machine: Machine) -> str:
    lines = []
    for k, (nic, wire) in enumerate(zip(machine.config.nics, machine.wires, strict=True)):
        if wire is not None and isinstance(wire.backend, UserNet):
            lines += [f"Hub -1 ({nic.netdev_id or f'net{k}'}):",
                      "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ"]
            for c in wire.backend.connections():
                (source, sport), (to, dport) = c.source, c.to
                lines.append(f"  {c.what:<17}{c.fd:>4} {source:>15} {sport:>5} {to:>15} {dport:>5} {c.received:>5} {c.sent:>5}")
    return "\n".join(lines)


@info("kvm", "show KVM information")
def _kvm(machine: Machine) -> str:
    return "kvm support: not compiled"


@info("jit", "show dynamic compiler info")
def _jit(machine: Machine) -> str:
    return "\n".join(f"{name:<24}{value:>16}" for name, value in machine.engine.counters().items())


@info("roms", "show roms")
def _roms(machine: Machine) -> str:
    mem: Any = machine.engine.mem
    return "\n".join(f'addr={base:016x} size={size:#08x} mem={kind} name="{name}"'
                     for base, size, kind, name in mem.regions() if kind in ("rom", "alias"))


@info("calls", "show the last BIOS and DOS calls (ours)")
def _calls(machine: Machine) -> str:
    from ..report import call_lines
    return "\n".join(call_lines(machine.engine, 32)) or "none since power-on"


@info("exceptions", "show the last exceptions and interrupts (ours)")
def _exceptions(machine: Machine) -> str:
    from ..report import delivery_line
    return "\n".join(delivery_line(row) for row in machine.engine.exceptions())


@info("screen", "show the text on the guest's screen (ours)")
def _screen(machine: Machine) -> str:
    return machine.screen.evidence()


@info("time", "show instructions and virtual time since power-on (ours)")
def _time(machine: Machine) -> str:
    return f"{machine.icount} instructions, {machine.now_ns / 1e9:.9f} s"


@info("speaker", "show what the PC speaker plays (ours)")
def _speaker(machine: Machine) -> str:
    hz = machine.speaker.hz
    return f"{hz:.1f} Hz" if hz else "silent"
