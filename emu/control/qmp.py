"""QMP, the JSON protocol of QEMU, on a unix socket or on standard input and output.

The commands are in the qmp_* modules, by subject; events STOP, RESUME, RESET, SHUTDOWN, POWERDOWN, DEVICE_TRAY_MOVED.
Not here: out-of-band execution, jobs, devices that come and go.  Spec: QEMU docs/interop/qmp-spec.
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
from typing import Any, BinaryIO

from ..errors import ConfigError, EmuError, suggest
from ..frontends.chardev import listen_unix
from ..machine import Machine
from . import monitor, qmp_block, qmp_input, qmp_machine, qmp_net
from .base import COMMANDS, Json, QmpError

__all__ = ["COMMANDS", "QmpError", "QmpServer", "Session", "monitor", "qmp_block", "qmp_input", "qmp_net"]


class Session:
    """One client's conversation."""

    def __init__(self, machine: Machine, send: Callable[[bytes], None]) -> None:
        self.machine = machine
        self.ready = False
        self._send = send
        self._lock = threading.Lock()
        self._buffer = ""
        self.put({"QMP": {"version": qmp_machine.version(), "capabilities": []}})

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
        except EmuError as error:
            reply["error"] = {"class": "GenericError", "desc": error.message}
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
        if name not in COMMANDS:
            raise QmpError(f"The command {name} has not been found" + suggest(name, COMMANDS), "CommandNotFound")
        return COMMANDS[name](self.machine, args)


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
