"""The wiring of the PC: one line per device says its ports, memory, and where its output lines end.

A wire is "output=sink:pin".  "cpu" is the processor's pins; "gsi" fans interrupts out to the 8259 pair and the I/O
APIC, and "gsi:share:N" is a further source of interrupt N.
"""
from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import layout as at
from .boot import BootPlan, acpi, flat, mptable, plan_boot, read_image, smbios, tableloader, video
from .config import BootConfig, MachineConfig
from .core import Engine, core_error, new_device, new_dma, new_engine
from .cpu import parse_cpu
from .drives import Drives
from .edid import build as build_edid
from .errors import BoardError, ConfigError, ImageError
from .roms import find_rom, for_function, has_rom, rom_path

# emu_core_pyx/bus/cpupins.pxd
CPU_PINS = {name: n for n, name in enumerate(("INTR", "NMI", "INIT", "RESET", "A20", "SMI", "POWEROFF", "EXIT", "STOP"))}
ISA_IRQS = {"TIMER": at.IRQ_TIMER, "KEYBOARD": at.IRQ_KEYBOARD, "FLOPPY": at.IRQ_FLOPPY, "RTC": at.IRQ_RTC, "SCI": at.IRQ_SCI,
            "MOUSE": at.IRQ_MOUSE}
PIRQ_ROUTES = (10, 10, 11, 11)      # as QEMU's firmware programs PIRQA-D
UART = "uart16550.Uart16550"

Regions = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One device: its name on the board, its class, (region, base, count) of ports, its wires, memory, PCI place."""

    name: str
    cls: str
    io: Regions = ()
    wires: str = ""
    mmio: Regions = ()
    devfn: int | None = None

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """(output, sink, pin) of every wire."""
        for wire in self.wires.split():
            output, _, end = wire.partition("=")
            sink, _, pin = end.partition(":")
            yield output, sink, pin


PARTS = (
    Part("gsi", "gsi.Gsi"),
    Part("pic", "pic8259.Pic8259Pair", ((0, at.PIC_MASTER, 2), (1, at.PIC_SLAVE, 2), (2, at.ELCR, 2)), "intr=lapic:0"),
    Part("lapic", "lapic.LocalApic", (), "intr=cpu:INTR nmi=cpu:NMI smi=cpu:SMI init=cpu:INIT", ((0, at.LAPIC, 0x1000),)),
    Part("ioapic", "ioapic.IoApic", (), "", ((0, at.IOAPIC, 0x20),)),
    Part("pit", "pit8254.Pit8254", ((0, at.PIT, 4), (1, at.PORT_B, 1)), "irq=gsi:TIMER sound_full=cpu:STOP"),
    Part("rtc", "rtc_mc146818.RtcMc146818", ((0, at.CMOS, 2),), "irq=gsi:RTC"),
    Part("port92", "port92.Port92", ((0, at.PORT_92, 1),), "a20=cpu:A20 reset_out=cpu:RESET"),
    Part("i8042", "i8042.I8042", ((0, at.KBC_DATA, 1), (1, at.KBC_STATUS, 1)),
         "irq1=gsi:KEYBOARD irq12=gsi:MOUSE a20=port92:0 reset_out=cpu:RESET wanted=cpu:STOP"),
    Part("dma", "dma8237.Dma8237", ((0, at.DMA1, 16), (1, at.DMA2, 32), (2, at.DMA_PAGE, 15))),
    Part("fdc", "fdc82077.Fdc82077", ((0, at.FDC, 6), (1, at.FDC_DIR, 1)), "irq=gsi:FLOPPY"),
    Part("com1", UART, ((0, at.COM1, 8),), "irq=gsi:4 tx_full=cpu:STOP"),
    Part("com2", UART, ((0, at.COM2, 8),), "irq=gsi:3 tx_full=cpu:STOP"),
    Part("com3", UART, ((0, at.COM3, 8),), "irq=gsi:share:4 tx_full=cpu:STOP"),
    Part("com4", UART, ((0, at.COM4, 8),), "irq=gsi:share:3 tx_full=cpu:STOP"),
    Part("fpu", "fpu_irq13.FpuIrq13", ((0, at.FPU_BUSY, 2),), "irq=gsi:13"),
    Part("post", "port80.Port80", ((0, at.POST, 1),)),
    Part("fw_cfg", "fw_cfg.FwCfg", ((0, at.FW_CFG, 2), (1, at.FW_CFG_DMA, 8))),
    Part("i440fx", "i440fx.I440fx", ((0, at.PCI_CONFIG_ADDRESS, 8),), "reset_out=cpu:RESET"),
    Part("piix3", "piix3.Piix3", devfn=0x08),
    Part("ide", "piix3_ide.Piix3Ide", ((0, at.IDE1, 8), (1, at.IDE1_CONTROL, 1), (2, at.IDE2, 8), (3, at.IDE2_CONTROL, 1)),
         "irq14=gsi:14 irq15=gsi:15", devfn=0x09),
    Part("pm", "piix4_pm.Piix4Pm", ((1, at.SMI_CMD, 2),), "sci=gsi:SCI smi=cpu:SMI poweroff=cpu:POWEROFF", devfn=0x0B),
)
HPET = Part("hpet", "hpet.Hpet", (), "irq0=gsi:TIMER irq8=gsi:RTC", ((0, at.HPET, 0x400),))
HPET_REWIRES = {"pit": "irq=hpet:0 sound_full=cpu:STOP", "rtc": "irq=hpet:1"}
NICS = {"ne2k_pci": "ne2k_pci.Ne2kPci", "ne2k_isa": "dp8390.Dp8390", "e1000": "e1000.E1000"}
VGA = Part("vga", "vga.Vga", ((0, at.VGA_MONO, 12), (1, at.VGA, 32), (2, at.VGA_DISPI, 4)), "",
           ((0, at.VGA_WINDOW, at.VGA_WINDOW_SIZE),), devfn=0x10)
CPUID_APIC = 1 << 9                 # EDX of leaf 1
FIRST_SLOT = 3                      # of PCI cards, as QEMU places them


class Board:
    """Engine and devices of one PC, wired and reset; the images it starts from are read and checked first."""

    def __init__(self, config: MachineConfig) -> None:
        self.config = config
        self.ram_bytes = config.memory_bytes
        self._acpi_options: dict[str, Any] = {"pm_base": at.PM_BASE, "hpet": at.HPET if config.hpet else 0}
        self.acpi = acpi.build(at.ROM_AREA, **self._acpi_options)
        self.warnings: list[str] = []
        self._pieces: list[tuple[int, bytes]] = []
        self._low_tables: list[tuple[int, bytes]] = []
        self._firmware = b""
        self.boot_plan = self._plan()
        assert not isinstance(config.boot, str)
        self.boot: BootConfig = config.boot
        self._first_boot = True
        self.drives = Drives(config)
        try:
            self._assemble()
        except BaseException:
            self.drives.close()
            raise

    def _assemble(self) -> None:
        config = self.config
        cpu = parse_cpu(config.cpu)
        self.warnings += self.drives.notes
        try:
            self.engine: Engine = new_engine(config.memory_bytes, cpu.model, config.mmu, cpu.feat)
        except MemoryError:
            raise ConfigError(f"this computer cannot give {config.memory} of memory to the guest") from None
        self.devices: dict[str, Any] = {}
        try:
            self.parts = self._parts()
            self._build(self.parts)
        except core_error("bus.BoardError") as error:
            raise BoardError(str(error)) from None
        self._tables()
        self.reset()

    # ---- building -----------------------------------------------------------------------------------------------
    def _parts(self) -> list[Part]:
        parts = list(PARTS)
        if self.config.hpet:
            parts = [replace(p, wires=HPET_REWIRES.get(p.name, p.wires)) for p in parts] + [HPET]
        if self.config.vga == "std":
            parts.append(VGA)
        if self.config.debugcon is not None:
            parts.append(Part("debugcon", "debugcon.DebugCon", ((0, self.config.debugcon_port, 1),), "tx_full=cpu:STOP"))
        place = self.config.debug_exit
        if place is not None:
            parts.append(Part("debugexit", "debugexit.DebugExit", ((0, place.iobase, place.iosize),), "exit_out=cpu:EXIT"))
        parts += [Part(f"pflash{d.unit}", "pflash_cfi01.PflashCfi01") for d in self.config.drives if d.interface == "pflash"]
        return parts + list(self._nic_parts())

    def _nic_parts(self) -> Iterator[Part]:
        slots = {nic.addr for nic in self.config.nics}
        for k, nic in enumerate(self.config.nics):
            if nic.model == "ne2k_isa":
                yield Part(f"net{k}", NICS[nic.model], ((0, nic.iobase, 32),), f"irq=gsi:share:{nic.irq}")
                continue
            slot = nic.addr if nic.addr is not None else next(s for s in range(FIRST_SLOT, 32) if s not in slots)
            slots.add(slot)
            yield Part(f"net{k}", NICS[nic.model], devfn=slot << 3)

    def _build(self, parts: Iterable[Part]) -> None:
        engine, devices = self.engine, self.devices
        engine.clock.base_unix = self.config.rtc_unix
        engine.clock.shift = self.config.icount_shift
        parts = list(parts)
        for part in parts:
            device = devices[part.name] = new_device(part.cls)
            device.name = part.name
            device.attach(engine.clock)
        self._network_roms()
        if "vga" in devices:
            self._fit_graphics(devices["vga"])
        pci = devices["i440fx"].bus
        pci.name = "pci"
        for part in parts:
            device = devices[part.name]
            for region, base, count in part.io:
                engine.bus.map_io(device, region, base, count)
            for region, base, size in part.mmio:
                engine.bus.map_mmio(device, region, base, size)
            if part.devfn is not None:
                pci.add(device, part.devfn)
                device.plug(engine.bus)
            for output, sink, pin in part.lines():
                self._line(device, output).connect(*self._pin(sink, pin))
        devices["dma"].dma = devices["fw_cfg"].dma = devices["ide"].dma = new_dma(engine)
        devices["fdc"].dma = devices["dma"]
        devices["ioapic"].join(devices["lapic"].bus)
        devices["lapic"].extint = devices["pic"]
        devices["gsi"].connect(devices["pic"], devices["ioapic"])
        devices["piix3"].connect(devices["gsi"])
        for k, line in enumerate(pci.pirq):
            line.connect(devices["piix3"], k)
        devices["pci"] = pci
        self._line(engine.pins, "ferr").connect(devices["fpu"], 0)
        for k, nic in enumerate(self.config.nics):
            card = devices[f"net{k}"]
            card.set_mac(nic.address(k))
            card.port.name = f"net{k}.port"
            card.port.tx_ready.connect(engine.pins, CPU_PINS["STOP"])
            if hasattr(card, "dma"):
                card.dma = devices["dma"].dma
        engine.set_irq_source(devices["lapic"])
        engine.set_apic(devices["lapic"])
        below, above = at.ram_split(self.ram_bytes)
        devices["rtc"].set_memory_size(below, above)
        devices["fw_cfg"].set_machine(self.ram_bytes, boot_menu=self.boot.menu)
        self.drives.connect(devices)
        if self.has_firmware:
            size, first = self._map_firmware()
            low = min(size, 0x20000)            # its end shows below 1 MiB too, until the PAM registers uncover RAM
            engine.mem.alias(at.ROM_AREA_END - low, first + (size - low) // 0x1000, low, False, "bios")
            devices["i440fx"].mem = engine.mem

    def _network_roms(self) -> None:
        """What the cards boot from the network with, before they go into their slots."""
        for k, nic in enumerate(self.config.nics):
            if nic.romfile:
                image = read_image(find_rom(Path(nic.romfile)), "romfile")
                if image[:2] != b"\x55\xaa" or len(image) > at.CARD_ROM_MAX:
                    raise ImageError(f"romfile {nic.romfile!r} is no option ROM: it begins with 55 AA and has at most 16 MiB; "
                                     "Debian's ipxe-qemu has pxe-e1000.rom and pxe-ne2k_pci.rom")
                card = self.devices[f"net{k}"]
                card.set_rom(for_function(image, card.info["vendor"], card.info["device"]))

    def _fit_graphics(self, card: Any) -> None:
        """Video memory, monitor and VGA BIOS of the card, before it goes into its slot."""
        card.resize(self.config.vga_mib)
        card.place(self.engine.mem, at.VGA_WINDOW)
        card.set_edid(build_edid())
        rom = self.config.vga_rom
        if rom is not None:
            card.set_rom(read_image(find_rom(rom), "VGA BIOS"))
        elif has_rom("vgabios.bin"):
            card.set_rom(read_image(rom_path("vgabios.bin"), "VGA BIOS"))

    def _map_firmware(self) -> tuple[int, int]:
        """The firmware's ROM, or its flash chips one below the other, ends at 4 GiB: bytes and first frame of the last one."""
        engine = self.engine
        chips = self.drives.of("pflash")
        if not chips:
            size = len(self._firmware)
            return size, engine.mem.add_rom(at.FOUR_GIB - size, self._firmware, "bios")
        end, frames = at.FOUR_GIB, []
        for chip in chips:
            assert chip.opened is not None
            end -= chip.opened.size
            if end < at.FOUR_GIB - at.FIRMWARE_MAX:
                raise ConfigError("the flash chips together are larger than 16 MiB")
            frames.append(self.devices[chip.device].place(engine.mem, end))
            engine.bus.map_mmio(self.devices[chip.device], 0, end, chip.opened.size)
        assert chips[0].opened is not None
        return chips[0].opened.size, frames[0]

    @property
    def has_firmware(self) -> bool:
        """Does a firmware start the machine (and not we a kernel)?"""
        return bool(self._firmware) or any(disk.interface == "pflash" for disk in self.config.drives)

    def _line(self, device: Any, output: str) -> Any:
        try:
            return getattr(device, output)
        except AttributeError:
            raise BoardError(f"{device.name} has no output {output!r}") from None

    def _pin(self, sink: str, pin: str) -> tuple[Any, int]:
        if sink == "cpu":
            return self.engine.pins, CPU_PINS[pin]
        if pin.startswith("share:"):
            return self.devices[sink], self.devices[sink].share(int(pin[6:]))
        return self.devices[sink], ISA_IRQS[pin] if pin in ISA_IRQS else int(pin)

    # ---- what it starts from ------------------------------------------------------------------------------------
    def _plan(self) -> BootPlan | None:
        config = self.config
        plan: BootPlan | None = None
        firmware = config.firmware
        if self.has_firmware:
            if firmware is not None:
                raise ConfigError("a flash chip (if=pflash) and -bios cannot both be what starts first")
        elif firmware is None and config.kernel is None and not any(item.start for item in config.loaders):
            firmware = rom_path("bios.bin")
        if firmware is not None:
            self._firmware = read_image(find_rom(firmware), "firmware")
            if len(self._firmware) > at.FIRMWARE_MAX or len(self._firmware) & 0xFFF:
                raise ImageError(f"firmware {str(firmware)!r} has {len(self._firmware)} bytes; an image is a multiple of "
                                 "4 KiB and at most 16 MiB")
        if config.kernel is not None and config.raw_addr is not None:
            plan = flat.plan(config.kernel, config.raw_addr, self.ram_bytes)
        elif config.kernel is not None:
            plan = plan_boot(config.kernel, config.initrd, config.append, self.ram_bytes, self.acpi.rsdp,
                             firmware=self.has_firmware, vga_mib=config.vga_mib if config.vga != "none" else 0)
            if plan.by_firmware and not self.has_firmware:
                self._firmware = read_image(rom_path("bios.bin"), "firmware")
        for item in config.loaders:
            if item.start:
                if plan is not None:
                    raise ConfigError("two files claim to be what the processor starts with")
                plan = flat.plan(item.file, item.addr, self.ram_bytes)
            else:
                data = read_image(item.file, "loader file")
                flat.check_place(item.file, data, item.addr, self.ram_bytes)
                self._pieces.append((item.addr, data))
        if plan is not None:
            if plan.long_mode and "lm" not in parse_cpu(config.cpu).features:
                raise ImageError(f"kernel {str(config.kernel)!r} is a 64-bit one; the processor {config.cpu!r} has no long mode: "
                                 "take -cpu max or qemu64, in `emu run` or emu-system-x86_64")
            self.warnings += plan.warnings
        return plan

    def _tables(self) -> None:
        """What fw_cfg tells a firmware: memory, tables, option ROMs, the kernel; without one the tables firmware would leave."""
        fw_cfg = self.devices["fw_cfg"]
        for name, data in self.config.fw_cfg.items():
            fw_cfg.add_file(name, data)
        if self.has_firmware:
            below, above = at.ram_split(self.ram_bytes)
            rows = [(0, below, 1)] + ([(at.FOUR_GIB, above, 1)] if above else [])
            fw_cfg.add_file("etc/e820", b"".join(struct.pack("<QQI", *row) for row in rows))
            for name, data in tableloader.files(**self._acpi_options).items():
                fw_cfg.add_file(name, data)
            for name, data in zip(("etc/smbios/smbios-tables", "etc/smbios/smbios-anchor"),
                                  smbios.build(self.config.smbios, self._hardware()), strict=True):
                fw_cfg.add_file(name, data)
            for name, data in self.drives.boot_files(self.boot).items():
                fw_cfg.add_file(name, data)
            for k, path in enumerate(self.config.option_roms):
                fw_cfg.add_file(f"genroms/{k}-{path.name}"[:55], read_image(find_rom(path), "option ROM"))
            if self.boot_plan is not None and self.boot_plan.by_firmware:
                rom = self.boot_plan.rom
                fw_cfg.add_file(f"genroms/{rom}", read_image(rom_path(rom), "option ROM"))
                fw_cfg.add_file("bootorder", f"/rom@genroms/{rom}\n\0".encode())
        else:
            hardware = self._hardware()
            dmi = smbios.placed(self.config.smbios, hardware, at.SMBIOS, at.ROM_AREA_END)
            self._low_tables = [*self.acpi.pieces, (at.SMBIOS, dmi)]
            if hardware.features & CPUID_APIC:
                mp = mptable.build(at.MP_TABLE, signature=hardware.signature, features=hardware.features)
                self._low_tables.append((at.MP_TABLE, mp))
        if self.boot_plan is None or "kernel_data" not in self.boot_plan.fw_cfg:
            return
        items: dict[str, Any] = self.boot_plan.fw_cfg
        fw_cfg.set_kernel(items["setup_data"], items["kernel_data"], items["setup_addr"], items["kernel_addr"])
        if "cmdline_addr" in items:
            fw_cfg.set_cmdline(self.config.append, items["cmdline_addr"])
        if "initrd_data" in items:
            fw_cfg.set_initrd(items["initrd_data"], items["initrd_addr"])

    def _hardware(self) -> smbios.Hardware:
        below, above = at.ram_split(self.ram_bytes)
        signature, _, _, features = self.engine.cpuid(1)
        assert not isinstance(self.config.uuid, str)
        return smbios.Hardware(below, above, signature, features, self.config.uuid)

    # ---- life ---------------------------------------------------------------------------------------------------
    def reset(self) -> None:
        """Power-on values everywhere but in memory, then what firmware would have set up, then the loaders' files."""
        for device in self.devices.values():
            device.reset()
        self.engine.reset()
        self.drives.write_cmos(self.devices["rtc"], self.boot.codes(self._first_boot))
        self._first_boot = False
        if not self.has_firmware:
            self._as_after_firmware()
        for addr, data in self._pieces:
            self.engine.mem.write(addr, data)

    def _as_after_firmware(self) -> None:
        mem = self.engine.mem
        self.devices["pm"].set_base(at.PM_BASE)
        self.devices["ide"].set_base(at.BUS_MASTER_IDE)
        for k, irq in enumerate(PIRQ_ROUTES):
            self.devices["piix3"].py_config_write(0x60 + k, irq)
        for addr, data in self._low_tables:
            mem.write(addr, data)
        mem.write(at.BDA + 0x0E, (at.EBDA >> 4).to_bytes(2, "little"))
        mem.write(at.BDA + 0x13, (at.BASE_MEMORY_TOP >> 10).to_bytes(2, "little"))
        mem.write(at.BDA, b"".join(base.to_bytes(2, "little") for base, _ in at.SERIAL_PORTS))
        mem.write(at.EBDA, bytes([1]))
        if "vga" in self.devices:
            self._start_graphics(self.devices["vga"])

    def _start_graphics(self, card: Any) -> None:
        """The card as firmware leaves it: addresses given, in text mode or in the mode the kernel's command line asks for."""
        plan = self.boot_plan
        card.py_config_write(0x10, at.vga_lfb(self.config.vga_mib << 20), 4)
        card.py_config_write(0x18, at.VGA_REGISTERS, 4)
        card.py_config_write(0x04, 3, 2)
        video.text_mode(card, read_image(rom_path("font8x16.bin"), "font"))
        for addr, data in video.bios_data():
            self.engine.mem.write(addr, data)
        if plan is not None and not plan.video.text:
            video.frame_buffer(card, plan.video)

    def close(self) -> None:
        """Flush and close the disk images."""
        self.drives.close()

    def press_power(self) -> None:
        """The power button."""
        self.devices["pm"].press_power()

    # ---- for the machine ----------------------------------------------------------------------------------------
    @property
    def net_ports(self) -> list[Any]:
        """The sockets of the network cards, in the order of the configuration."""
        return [self.devices[f"net{k}"].port for k in range(len(self.config.nics))]

    @property
    def uarts(self) -> list[Any]:
        """COM1..COM4."""
        return [self.devices[f"com{k}"] for k in range(1, 5)]

    @property
    def debugcon(self) -> Any | None:
        """The debug port, if it is there."""
        return self.devices.get("debugcon")

    @property
    def exit_code(self) -> int:
        """The status isa-debug-exit was written."""
        device = self.devices.get("debugexit")
        return int(device.code) if device is not None else 0

    def describe(self) -> str:
        """Devices, ports, memory map and interrupt wiring as text."""
        config, engine = self.config, self.engine
        lines = [f"{config.name}: PC with 440FX and PIIX3, cpu {config.cpu}, {config.memory_bytes >> 20} MiB, mmu {config.mmu}, "
                 f"clock {config.clock}", "", "Memory:"]
        bus: Any = engine.bus
        mem: Any = engine.mem
        rows = [(base, size, f"{kind} {name}") for base, size, kind, name in mem.regions()]
        rows += [(base, size, name) for kind, base, size, name, _ in bus.listing() if kind == "mmio"]
        lines += [f"  {base:09x}-{base + size - 1:09x}  {text}" for base, size, text in sorted(rows)]
        lines += ["", "Ports:"]
        lines += [f"  {base:04x}-{base + size - 1:04x}  {name}" for kind, base, size, name, _ in bus.listing() if kind == "io"]
        lines += ["", "Interrupts:"]
        gsi = []
        for part in self.parts:
            for _, sink, pin in part.lines():
                if sink == "gsi":
                    number = pin.removeprefix("share:")
                    gsi.append((ISA_IRQS[number] if number in ISA_IRQS else int(number), part.name))
        lines += [f"  {irq:>4}  {name}" for irq, name in sorted(gsi)]
        lines += ["", "Drives:"]
        lines += [f"  {drive.name:<10}{drive.describe()}" for drive in self.drives.values()]
        lines += ["", "PCI:"]
        lines += [f"  00:{d.devfn >> 3:02x}.{d.devfn & 7}  {d.name}" for d in self.devices["pci"].devices]
        return "\n".join(lines)
