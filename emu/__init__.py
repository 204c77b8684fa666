"""A full-system x86 PC emulator that is also a library.

    import emu
    with emu.Machine(memory="256M", kernel="vmlinuz", initrd="initrd.gz", append="console=ttyS0") as vm:
        vm.serial.expect("/ # ", timeout=60)        # virtual seconds
        vm.serial.send("uname -a\\n")
"""
__version__ = "0.1.0"

from .config import DebugExitConfig, LoaderConfig, MachineConfig, SerialConfig
from .errors import (
    BoardError,
    ConfigError,
    EmuError,
    GuestCrash,
    GuestStopped,
    GuestTimeout,
    ImageError,
    StateError,
)
from .machine import Machine, Stop
from .serial import Match, SerialPort

__all__ = [
    "BoardError", "ConfigError", "DebugExitConfig", "EmuError", "GuestCrash", "GuestStopped", "GuestTimeout", "ImageError",
    "LoaderConfig", "Machine", "MachineConfig", "Match", "SerialConfig", "SerialPort", "StateError", "Stop", "__version__",
]
