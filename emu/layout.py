"""Every address, port and interrupt line of the PC, named, with its source.

Sources: IBM PC/AT Technical Reference (AT), Intel 82371SB PIIX3 (PIIX3) and 82371AB PIIX4 (PIIX4), Intel
82441FX (440FX), Intel SDM 3A chapter "APIC" (SDM), QEMU's documented PC machine (QEMU), Linux
Documentation/arch/x86/boot.rst (BOOT), Multiboot Specification 0.6.96 (MB).
"""
from __future__ import annotations

# ---- ports ------------------------------------------------------------------------------------------------------
DMA1 = 0x000            # AT: 8237 channels 0-3, 16 ports
PIC_MASTER = 0x020      # AT
PIT = 0x040             # AT: 8254, 4 ports
KBC_DATA = 0x060        # AT: 8042
PORT_B = 0x061          # AT: system control port B (speaker, refresh, timer 2)
KBC_STATUS = 0x064      # AT: 8042
CMOS = 0x070            # AT: MC146818 index and data
POST = 0x080            # AT: diagnostic port; DMA page registers follow it
DMA_PAGE = 0x081        # AT: 0x81-0x8F
PORT_92 = 0x092         # PS/2: fast A20 and reset
PIC_SLAVE = 0x0A0       # AT
SMI_CMD = 0x0B2         # PIIX4: APM control and status
DMA2 = 0x0C0            # AT: 8237 channels 4-7, 32 ports
BOCHS_DEBUG = 0x0E9     # QEMU -debugcon, Bochs port_e9_hack: for guests; firmware writes to 402h
FPU_BUSY = 0x0F0        # AT: writes clear the x87 error latch
IDE2 = 0x170            # AT: second fixed disk, 8 ports
IDE1 = 0x1F0            # AT: fixed disk
COM4 = 0x2E8
COM2 = 0x2F8
IDE2_CONTROL = 0x376    # AT: alternate status, device control
COM3 = 0x3E8
FDC = 0x3F0             # AT: 82077, 6 ports
IDE1_CONTROL = 0x3F6    # AT
FDC_DIR = 0x3F7         # AT: digital input, configuration control
VGA_MONO = 0x3B0        # IBM VGA: CRT controller at 3B4/3B5, status 1 at 3BA of a monochrome adapter; 12 ports
VGA = 0x3C0             # IBM VGA: 32 ports
VGA_DISPI = 0x1CE       # Bochs VBE: index, data; QEMU: data at 1D0 too
COM1 = 0x3F8            # AT: 16550, 8 ports each
ELCR = 0x4D0            # PIIX3 2.5.5
FW_CFG = 0x510          # QEMU: selector, data
FW_CFG_DMA = 0x514      # QEMU: big-endian address, high half first
PM_BASE = 0x600         # QEMU: where the firmware puts PIIX4's PMBASE; direct boot does the same
BUS_MASTER_IDE = 0xC000     # where a direct boot finds PIIX3's bus master registers, as firmware would place them
PCI_CONFIG_ADDRESS = 0xCF8   # 440FX: configuration mechanism 1
RESET_CONTROL = 0xCF9   # PIIX3 2.5.4
PCI_CONFIG_DATA = 0xCFC

SERIAL_PORTS = ((COM1, 4), (COM2, 3), (COM3, 4), (COM4, 3))     # AT: base and IRQ

# ---- ISA interrupt lines (AT) -----------------------------------------------------------------------------------
IRQ_TIMER = 0
IRQ_KEYBOARD = 1
IRQ_CASCADE = 2
IRQ_FLOPPY = 6
IRQ_RTC = 8
IRQ_SCI = 9             # QEMU: ACPI system control interrupt
IRQ_MOUSE = 12
IRQ_FPU = 13

# ---- memory -----------------------------------------------------------------------------------------------------
BASE_MEMORY_TOP = 0x9FC00    # 639 KiB, the extended BIOS data area above it
EBDA = 0x9FC00
BDA = 0x400                  # AT: BIOS data area
VGA_WINDOW = 0xA0000
VGA_WINDOW_SIZE = 0x20000
VGA_LFB = 0xFD000000         # BAR 0 of the graphics card in a direct boot, up to 16 MiB; QEMU: where its firmware puts it
VGA_LFB_LARGE = 0xF0000000   # the same for a card with up to 128 MiB
VGA_REGISTERS = 0xFEBF0000   # BAR 2, the same
ROM_AREA = 0xE0000           # system BIOS; ACPI tables of a direct boot lie here
ROM_AREA_END = 0x100000
MP_TABLE = 0xF0000           # MultiProcessor table of a direct boot
SMBIOS = 0xF1000             # its SMBIOS entry point, the structures behind it
HIGH_MEMORY = 0x100000
PCI_HOLE = 0xE0000000        # QEMU pc: memory beyond continues above 4 GiB
FOUR_GIB = 0x1_0000_0000
FIRMWARE_MAX = 16 << 20      # what lies between the local APIC and 4 GiB, less a reserve
CARD_ROM_MAX = 16 << 20      # the largest expansion ROM (PCI 2.1, 6.2.5.2)
IOAPIC = 0xFEC00000          # SDM
HPET = 0xFED00000            # IA-PC HPET specification, recommended base
LAPIC = 0xFEE00000           # SDM

# ---- what a direct boot puts into low memory --------------------------------------------------------------------
BOOT_GDT = 0x800
MULTIBOOT_INFO = 0x9000      # as QEMU; also where a Multiboot kernel's option ROM works, with its information
MULTIBOOT_ROOM = 0x10000
FIRMWARE_TOP = 0x28000       # kept free at the top of RAM, where firmware has its ACPI tables
ZERO_PAGE = 0x10000          # BOOT: boot_params; as QEMU's real_addr
CMDLINE = 0x20000            # as QEMU's cmdline_addr
BIOS_STUB = 0xFFF00          # interrupt vectors of a direct boot point here
REAL_STACK = 0x7C00


def ram_split(ram_bytes: int) -> tuple[int, int]:
    """(bytes below the PCI hole, bytes above 4 GiB) for this much RAM."""
    below = min(ram_bytes, PCI_HOLE)
    return below, ram_bytes - below


def vga_lfb(vram_bytes: int) -> int:
    """Where a direct boot puts BAR 0 of the graphics card."""
    return VGA_LFB if vram_bytes <= 16 << 20 else VGA_LFB_LARGE


def e820(ram_bytes: int) -> list[tuple[int, int, int]]:
    """Memory map as (base, length, type): 1 RAM, 2 reserved."""
    below, above = ram_split(ram_bytes)
    rows = [
        (0, BASE_MEMORY_TOP, 1),
        (BASE_MEMORY_TOP, VGA_WINDOW - BASE_MEMORY_TOP, 2),
        (ROM_AREA, ROM_AREA_END - ROM_AREA, 2),
    ]
    if below > HIGH_MEMORY:
        rows.append((HIGH_MEMORY, below - HIGH_MEMORY, 1))
    rows.append((0xFEFFC000, 0x4000, 2))
    rows.append((0xFFFC0000, 0x40000, 2))
    if above:
        rows.append((FOUR_GIB, above, 1))
    return rows
