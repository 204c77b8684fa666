"""A full-system x86 PC emulator that is also a library.

    import emu
    with emu.Machine(memory="256M", kernel="vmlinuz", initrd="initrd.gz", append="console=ttyS0") as vm:
        vm.serial.expect("/ # ", timeout=60)        # virtual seconds
        vm.serial.send("uname -a\\n")
"""
__version__ = "0.1.0"

from .boot.smbios import SmbiosConfig
from .config import BootConfig, DebugExitConfig, LoaderConfig, MachineConfig, SerialConfig
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
from .images.disk import Disk
from .machine import Machine, Stop
from .net.config import CaptureConfig, Nic
from .net.peer import Peer
from .net.stream import StreamConfig, TapConfig
from .net.switch import Switch
from .net.user import Forward, GuestForward, UserConfig
from .serial import Match, SerialPort

__all__ = [
    "BoardError", "BootConfig", "CaptureConfig", "ConfigError", "DebugExitConfig", "Disk", "EmuError", "Forward",
    "GuestCrash", "GuestForward", "GuestStopped", "GuestTimeout", "ImageError", "LoaderConfig", "Machine", "MachineConfig",
    "Match", "Nic", "Peer", "SerialConfig", "SerialPort", "SmbiosConfig", "StateError", "Stop", "StreamConfig", "Switch",
    "TapConfig", "UserConfig", "__version__",
]
