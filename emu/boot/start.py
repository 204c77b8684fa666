"""Carry out a BootPlan: memory first, then the processor."""
from __future__ import annotations

from .. import layout
from ..core import Engine
from . import BootPlan, vectors


def start(engine: Engine, plan: BootPlan) -> None:
    """Put the pieces into memory and the processor at the entry; the processor has just been reset."""
    if plan.by_firmware:
        return
    for addr, data in vectors.pieces() + plan.pieces:
        engine.mem.write(addr, data)
    if plan.real_mode:
        sel = plan.registers["cs"]
        engine.set_segment("cs", sel, sel << 4, 0xFFFF, 0x009B)
        regs = {k: v for k, v in plan.registers.items() if k != "cs"}
        engine.set_regs(eip=plan.entry, **regs)
        return
    engine.mem.write(layout.BOOT_GDT, plan.gdt)
    engine.enter_protected(plan.entry, gdt_base=layout.BOOT_GDT, gdt_limit=len(plan.gdt) - 1, cs=plan.cs, ds=plan.ds,
                           **plan.registers)
