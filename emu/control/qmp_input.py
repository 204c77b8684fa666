"""QMP commands for keyboard, mouse and screen.  Spec: QEMU qapi/ui.json."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from ..layouts import ALIASES, PLAIN_NAMES, QCODES
from ..machine import Machine
from ..screen import png, ppm
from .base import Json, QmpError, check, command, screen_image

BUTTONS = {"left": "left", "middle": "middle", "right": "right", "side": "side", "extra": "extra"}
WHEEL = {"wheel-up": -1, "wheel-down": 1}
IGNORED = ("wheel-left", "wheel-right", "touch")        # a PS/2 mouse has none
FORMATS = {"png": png, "ppm": ppm}
HOLD_MS = 100


def key_value(value: Any) -> int:
    """The key of a KeyValue: {"type": "qcode", "data": "ret"} or {"type": "number", "data": 28}."""
    if not isinstance(value, dict) or "data" not in value or "type" not in value:
        raise QmpError("Invalid parameter type for 'key', expected: an object of type and data")
    kind, data = value["type"], value["data"]
    if kind == "number" and isinstance(data, int) and 0 < data < 0x100 and data != 0x80:
        return data if data < 0x80 else 0xE000 | data & 0x7F
    if kind == "qcode" and isinstance(data, str):
        if data in QCODES:
            return QCODES[data]
        if data in ALIASES or data in PLAIN_NAMES:
            raise QmpError(f"Parameter 'data' does not accept value '{data}'; this key is "
                           f"'{ALIASES.get(data, PLAIN_NAMES.get(data))}'")
        raise QmpError(f"Parameter 'data' does not accept value '{data}'")
    raise QmpError(f"Parameter 'type' does not accept value '{kind}' with data {data!r}")


@command("send-key")
def send_key(machine: Machine, args: Json) -> Json:
    keys, hold = check(args, keys=list, **{"hold-time": (int, HOLD_MS)})
    if not keys:
        raise QmpError("Parameter 'keys' names no key")
    if not 0 <= hold <= 60_000:
        raise QmpError("Parameter 'hold-time' expects 0 to 60000 milliseconds")
    machine.keyboard.press([key_value(key) for key in keys], hold=max(hold, 1) / 1000)
    return {}


@command("input-send-event")
def input_send_event(machine: Machine, args: Json) -> Json:
    _, _, events = check(args, device=(str, ""), head=(int, 0), events=list)
    steps = [_step(event) for event in events]          # all are right, or nothing happens
    absolute: dict[str, int] = {}
    moved = [0, 0]

    def settle() -> None:
        """Motion goes out before what follows it."""
        if absolute:
            machine.mouse.move_scaled(absolute.get("x", _last(machine, 0)), absolute.get("y", _last(machine, 1)))
            absolute.clear()
        if moved != [0, 0]:
            machine.mouse.move(*moved)
            moved[:] = [0, 0]

    for kind, data in steps:
        if kind == "abs":
            absolute[data["axis"]] = data["value"]
        elif kind == "rel":
            moved["xy".index(data["axis"])] += data["value"]
        else:
            settle()
            if kind == "key":
                (machine.keyboard.down if data["down"] else machine.keyboard.up)(data["code"])
            elif data["button"] in WHEEL:
                if data["down"]:
                    machine.mouse.wheel(WHEEL[data["button"]])
            elif data["button"] in BUTTONS:
                (machine.mouse.press if data["down"] else machine.mouse.release)(BUTTONS[data["button"]])
    settle()
    return {}


def _last(machine: Machine, axis: int) -> int:
    return machine.mouse.scaled[axis]


def _step(event: Any) -> tuple[str, Json]:
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        raise QmpError("Invalid parameter type for 'events', expected: objects of type and data")
    kind, data = event.get("type"), event["data"]
    if kind == "key":
        down, key = check(data, down=bool, key=dict)
        return "key", {"down": down, "code": key_value(key)}
    if kind == "btn":
        down, button = check(data, down=bool, button=str)
        if button not in (*BUTTONS, *WHEEL, *IGNORED):
            raise QmpError(f"Parameter 'button' does not accept value '{button}'")
        return "btn", {"down": down, "button": button}
    if kind in ("rel", "abs"):
        axis, value = check(data, axis=str, value=int)
        if axis not in ("x", "y"):
            raise QmpError(f"Parameter 'axis' does not accept value '{axis}'")
        if kind == "abs" and not 0 <= value <= 0x7FFF:
            raise QmpError("Parameter 'value' expects 0 to 32767 on an absolute axis")
        if kind == "rel" and not -32768 <= value <= 32767:
            raise QmpError("Parameter 'value' is more than a mouse can move")
        return kind, {"axis": axis, "value": value}
    raise QmpError(f"Parameter 'type' does not accept value '{kind}'")


@command("query-mice")
def query_mice(machine: Machine, args: Json) -> list[Json]:
    check(args)
    return [{"name": "PS/2 Mouse", "index": 0, "current": True, "absolute": False}]


@command("screendump")
def screendump(machine: Machine, args: Json) -> Json:
    name, _, head, kind = check(args, filename=str, device=(str, ""), head=(int, 0), format=(str, "ppm"))
    if head:
        raise QmpError(f"Screen {head} not found: there is one, 0")
    save_screen(machine, name, kind)
    return {}


def save_screen(machine: Machine, name: str, kind: str) -> None:
    """The screen into a file."""
    if kind not in FORMATS:
        raise QmpError(f"Parameter 'format' does not accept value '{kind}'")
    data = FORMATS[kind](screen_image(machine))
    try:
        Path(name).write_bytes(data)
    except OSError as error:
        raise QmpError(f"failed to open file '{name}': {error.strerror}") from None
