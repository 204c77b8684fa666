"""QMP, the JSON protocol of QEMU, on a unix socket or on standard input and output.

Commands: see COMMANDS below; events STOP, RESUME, RESET, SHUTDOWN, POWERDOWN.  Not here: out-of-band execution, jobs,
devices that come and go.  Spec: QEMU docs/interop/qmp-spec and qapi/{misc,run-state,machine}.json.
"""
from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from .. import __version__
from ..errors import ConfigError, suggest
from ..frontends.chardev import listen_unix
from ..machine import Machine

Json = dict[str, Any]
CHUNK = 1 << 20


class QmpError(Exception):
    """An error answer."""

    def __init__(self, text: str, kind: str = "GenericError") -> None:
        super().__init__(text)
        self.kind = kind


def _version() -> Json:
    major, minor, micro = (int(n) for n in __version__.split(".")[:3])
    return {"qemu": {"major": major, "minor": minor, "micro": micro}, "package": f"emu {__version__}"}


def _check(args: Json, **types: type | tuple[type, Any]) -> list[Any]:
    """Arguments by name and type; (type, default) marks an optional one."""
    for name in args:
        if name not in types:
            raise QmpError(f"Parameter '{name}' is unexpected")
    out: list[Any] = []
    for name, kind in types.items():
        wanted, optional = (kind[0], True) if isinstance(kind, tuple) else (kind, False)
        if name not in args:
            if not optional:
                raise QmpError(f"Parameter '{name}' is missing")
            out.append(cast("tuple[type, Any]", kind)[1])
        elif not isinstance(args[name], wanted) or isinstance(args[name], bool) != (wanted is bool):
            raise QmpError(f"Invalid parameter type for '{name}', expected: {wanted.__name__}")
        else:
            out.append(args[name])
    return out


class Commands:
    """What a client can ask; one method a command, `-` written as `_`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def query_status(self, args: Json) -> Json:
        _check(args)
        status = self.machine.status
        return {"status": status, "running": status == "running"}

    def query_version(self, args: Json) -> Json:
        _check(args)
        return _version()

    def query_name(self, args: Json) -> Json:
        _check(args)
        return {"name": self.machine.config.name}

    def query_kvm(self, args: Json) -> Json:
        _check(args)
        return {"enabled": False, "present": False}

    def query_commands(self, args: Json) -> list[Json]:
        _check(args)
        return [{"name": name} for name in sorted(command_names())]

    def stop(self, args: Json) -> Json:
        _check(args)
        self.machine.pause()
        return {}

    def cont(self, args: Json) -> Json:
        _check(args)
        if self.machine.ended:
            raise QmpError("Resetting the Virtual Machine is required")
        self.machine.resume()
        return {}

    def quit(self, args: Json) -> Json:
        _check(args)
        self.machine.quit()
        return {}

    def system_reset(self, args: Json) -> Json:
        _check(args)
        self.machine.reset()
        return {}

    def system_powerdown(self, args: Json) -> Json:
        _check(args)
        self.machine.powerdown()
        return {}

    def pmemsave(self, args: Json) -> Json:
        start, size, name = _check(args, val=int, size=int, filename=str)
        self._save(name, start, size, self.machine.read_phys)
        return {}

    def memsave(self, args: Json) -> Json:
        start, size, name, cpu = _check(args, val=int, size=int, filename=str, **{"cpu-index": (int, 0)})
        if cpu:
            raise QmpError("Invalid parameter 'cpu-index'")
        self._save(name, start, size, self.machine.read_virt)
        return {}

    def _save(self, name: str, start: int, size: int, read: Callable[[int, int], bytes]) -> None:
        if start < 0 or size < 0:
            raise QmpError("Invalid parameter: negative address or size")
        def act() -> None:
            with Path(name).open("wb") as out:
                for at in range(start, start + size, CHUNK):
                    out.write(read(at, min(CHUNK, start + size - at)))
        try:
            self.machine.invoke(act)
        except OSError as error:
            raise QmpError(f"Could not open '{name}': {error.strerror}") from None
        except LookupError as error:
            raise QmpError(f"Invalid addr {start:#018x}/size {size} specified: {error}") from None


def command_names() -> list[str]:
    """The commands as they are written on the wire."""
    names = [name for name in vars(Commands) if not name.startswith("_")]
    return ["qmp_capabilities"] + [n if n.startswith("system_") else n.replace("_", "-") for n in names]


class Session:
    """One client's conversation."""

    def __init__(self, machine: Machine, send: Callable[[bytes], None]) -> None:
        self.machine = machine
        self.commands = Commands(machine)
        self.ready = False
        self._send = send
        self._lock = threading.Lock()
        self._buffer = ""
        self.put({"QMP": {"version": _version(), "capabilities": []}})

    def put(self, message: Json) -> None:
        """Send one message."""
        with self._lock:
            self._send(json.dumps(message).encode() + b"\r\n")

    def event(self, name: str, data: Json) -> None:
        """Send an event."""
        if not self.ready:
            return
        now = time.time()
        message: Json = {"event": name, "timestamp": {"seconds": int(now), "microseconds": int(now % 1 * 1e6)}}
        if data:
            message["data"] = data
        with suppress(OSError):
            self.put(message)

    def feed(self, data: bytes) -> None:
        """Bytes from the client: answer every complete message in them."""
        self._buffer += data.decode("utf-8", "replace")
        decoder = json.JSONDecoder()
        while True:
            self._buffer = self._buffer.lstrip()
            if not self._buffer:
                return
            try:
                message, end = decoder.raw_decode(self._buffer)
            except json.JSONDecodeError as error:
                if error.pos < len(self._buffer.rstrip()) and "\n" in self._buffer:
                    self._buffer = self._buffer.split("\n", 1)[1]
                    self.put({"error": {"class": "GenericError", "desc": f"JSON parse error, {error.msg}"}})
                    continue
                return
            self._buffer = self._buffer[end:]
            self.put(self.answer(message))

    def answer(self, message: Any) -> Json:
        """The reply to one message."""
        reply: Json = {}
        if isinstance(message, dict) and "id" in message:
            reply["id"] = message["id"]
        try:
            reply["return"] = self._execute(message)
        except QmpError as error:
            reply["error"] = {"class": error.kind, "desc": str(error)}
        return reply

    def _execute(self, message: Any) -> Any:
        if not isinstance(message, dict):
            raise QmpError("QMP input must be a JSON object")
        for key in message:
            if key not in ("execute", "arguments", "id"):
                raise QmpError(f"QMP input member '{key}' is unexpected")
        name = message.get("execute")
        if not isinstance(name, str):
            raise QmpError("QMP input lacks member 'execute'")
        args = message.get("arguments", {})
        if not isinstance(args, dict):
            raise QmpError("QMP input member 'arguments' must be an object")
        if name == "qmp_capabilities":
            if self.ready:
                raise QmpError("Capabilities negotiation is already complete, command ignored", "CommandNotFound")
            if args.get("enable"):
                raise QmpError(f"Capability {args['enable'][0]} not available")
            self.ready = True
            return {}
        if not self.ready:
            raise QmpError("Expecting capabilities negotiation with 'qmp_capabilities'", "CommandNotFound")
        if name not in command_names():
            raise QmpError(f"The command {name} has not been found" + suggest(name, command_names()), "CommandNotFound")
        return getattr(self.commands, name.replace("-", "_"))(args)


class QmpServer:
    """Serves a machine in threads of its own until `close`."""

    def __init__(self, machine: Machine, where: str, *, wait: bool = False) -> None:
        self.machine = machine
        self._sessions: list[Session] = []
        self._path = "" if where == "stdio" else where
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        machine.subscribe(self._event)
        connected = threading.Event()
        if self._path:
            try:
                self._listener = listen_unix(self._path)
            except OSError as error:
                raise ConfigError(f"QMP socket {where!r}: {error.strerror or error}") from None
            target = self._serve_socket
        else:
            target = self._serve_stdio
        self._thread = threading.Thread(target=target, args=(connected,), name="qmp", daemon=True)
        self._thread.start()
        if wait:
            connected.wait()

    def _event(self, name: str, data: Json) -> None:
        for session in list(self._sessions):
            session.event(name, data)

    def _talk(self, read: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
        session = Session(self.machine, send)
        self._sessions.append(session)
        try:
            while data := read():
                session.feed(data)
        except OSError:
            pass
        finally:
            self._sessions.remove(session)

    def _serve_socket(self, connected: threading.Event) -> None:
        listener = self._listener
        assert listener is not None
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._client = client
            connected.set()
            with client, suppress(OSError):
                self._talk(lambda c=client: c.recv(65536), client.sendall)      # type: ignore[misc]
            self._client = None

    def _serve_stdio(self, connected: threading.Event) -> None:
        out: BinaryIO = sys.stdout.buffer

        def send(data: bytes) -> None:
            out.write(data)
            out.flush()

        connected.set()
        self._talk(lambda: os.read(0, 65536), send)

    def close(self) -> None:
        """Hang up."""
        self.machine.unsubscribe(self._event)
        for item in (self._client, self._listener):
            if item is not None:
                with suppress(OSError):
                    item.shutdown(socket.SHUT_RDWR)
                item.close()
        if self._path:
            with suppress(OSError):
                os.unlink(self._path)
