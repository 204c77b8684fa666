"""Help that teaches: what to type first, then every option, then what the exit status means."""
from __future__ import annotations

import textwrap

from . import status
from .options import SECTIONS, TABLE

OVERVIEW = """\
emu: an x86 PC in a program

  emu demo                      boot a small system of our own; type help at its prompt
  emu run -kernel vmlinuz -initrd initrd.gz -append "console=ttyS0" -m 256 -nographic
                                boot a Linux kernel with its console on this terminal
  emu run --help                every option (QEMU's spelling)
  emu info [options of run]     the devices, ports, interrupts and memory of that machine
  emu --version

emu-system-i386 and emu-system-x86_64 take the same options as `emu run` and stand in for QEMU's.
Without input from outside every run of the same machine takes the same course, bit for bit.
"""

EXAMPLES = """\
Examples:
  {prog} -m 256 -kernel vmlinuz -initrd initrd.gz -append "console=ttyS0" -nographic
  {prog} -kernel kernel.elf -initrd "module.bin some arguments" -serial stdio        Multiboot
  {prog} -kernel boot.bin --raw 0x7c00 -nographic                                    flat binary
  {prog} -kernel test.elf -device isa-debug-exit -display none -serial file:log.txt  in CI
  {prog} -kernel kernel.elf -nographic --timeout 30 --hash                           is it deterministic?
"""


def run_help(prog: str) -> str:
    """All options by section."""
    lines = [f"usage: {prog} [options]", "", EXAMPLES.format(prog=prog)]
    for section in SECTIONS:
        lines.append(f"{section}:")
        for item in TABLE.values():
            if item.section == section:
                dash = "--" if item.ours else "-"
                head = f"  {dash}{item.name} {item.value}".rstrip()
                pad = " " * 26
                body = textwrap.wrap(item.text, 74) or [""]
                if len(head) < 25:
                    lines.append(f"{head:<26}{body[0]}")
                else:
                    lines += [head, pad + body[0]]
                lines += [pad + line for line in body[1:]]
        lines.append("")
    lines.append("In the terminal (-nographic, mon:stdio): Ctrl-A X leaves, Ctrl-A H helps, Ctrl-A Ctrl-A sends Ctrl-A.\n")
    lines.append(status.help_text())
    return "\n".join(lines)
