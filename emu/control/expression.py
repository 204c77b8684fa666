"""Numbers as one writes them at a monitor: 0x7c00, $eip+4, ($esp & ~3) * 2, $cs.base.

Spec: QEMU's monitor: operators | & ^, + -, * / %, unary + - ~, parentheses, $register, hexadecimal, octal and decimal numbers
and 'c' characters.  Arithmetic is 64-bit.
"""
from __future__ import annotations

import re
from collections.abc import Mapping

MASK = (1 << 64) - 1
TOKEN = re.compile(r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)|\$([A-Za-z_]\w*(?:\.\w+)?)|'(.)'|([-+*/%()|&^~]))")
LEVELS = ("|&^", "+-", "*/%")


class ExpressionError(Exception):
    """What is wrong with an expression."""


def registers(regs: Mapping[str, int], wide: bool) -> dict[str, int]:
    """What $name gives: every register, flags, and segment bases and limits as cs.base, cs.limit."""
    out = dict(regs)
    for name in ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"):
        out[f"{name}.base"], out[f"{name}.limit"] = regs[f"{name}_base"], regs[f"{name}_limit"]
    out["pc"] = regs["rip" if wide else "eip"]
    out["sp"], out["fp"] = regs["rsp" if wide else "esp"], regs["rbp" if wide else "ebp"]
    for k, name in enumerate(("ax", "cx", "dx", "bx", "", "bp", "si", "di")):
        full = regs[("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")[k]]
        if name:
            out[name] = full & 0xFFFF
        if k < 4:
            out[name[0] + "l"], out[name[0] + "h"] = full & 0xFF, full >> 8 & 0xFF
    out["ip"] = regs["eip"] & 0xFFFF
    return out


def split(text: str, regs: Mapping[str, int]) -> list[int]:
    """Expressions separated by blanks, as many as there are."""
    out = []
    rest = text.strip()
    while rest:
        value, end = _Parser(rest, regs).first()
        out.append(value)
        rest = rest[end:].lstrip()
    return out


def evaluate(text: str, regs: Mapping[str, int]) -> int:
    """The value of one expression, 0 to 2^64-1."""
    values = split(text, regs)
    if len(values) != 1:
        raise ExpressionError(f"one expression expected, not {text!r}")
    return values[0]


class _Parser:
    def __init__(self, text: str, regs: Mapping[str, int]) -> None:
        self.text, self.regs, self.at = text, regs, 0

    def _peek(self) -> re.Match[str] | None:
        return TOKEN.match(self.text, self.at)

    def first(self) -> tuple[int, int]:
        return self._level(0) & MASK, self.at

    def _level(self, level: int) -> int:
        if level == len(LEVELS):
            return self._unary()
        value = self._level(level + 1)
        while True:
            token = self._peek()
            if token is None or token[4] is None or token[4] not in LEVELS[level]:
                return value
            # "a -b" is two expressions, "a - b" and "a-b" are one
            if token.start(4) > self.at and token.end() < len(self.text) and not self.text[token.end()].isspace():
                return value
            self.at = token.end()
            value = self._apply(token[4], value, self._level(level + 1))

    def _apply(self, sign: str, a: int, b: int) -> int:
        if sign in "/%" and b == 0:
            raise ExpressionError("division by zero")
        if sign == "/":
            return a // b
        if sign == "%":
            return a % b
        results = {"|": a | b, "&": a & b, "^": a ^ b, "+": a + b, "-": a - b, "*": a * b}
        return results[sign] & MASK

    def _unary(self) -> int:
        token = self._peek()
        if token is None:
            rest = self.text[self.at:].strip()
            raise ExpressionError(f"a number is expected at {rest!r}" if rest else "a number is missing at the end")
        self.at = token.end()
        if token[1] is not None:
            word = token[1]
            octal = word[0] == "0" and len(word) > 1 and word.isdigit()
            if octal and not set(word) <= set("01234567"):
                raise ExpressionError(f"{word} is not an octal number")
            return int(word, 8 if octal else 0)
        if token[2] is not None:
            name = token[2].lower()
            if name not in self.regs:
                raise ExpressionError(f"unknown register {token[2]!r}")
            return self.regs[name]
        if token[3] is not None:
            return ord(token[3])
        if token[4] == "(":
            value = self._level(0)
            closing = self._peek()
            if closing is None or closing[4] != ")":
                raise ExpressionError("')' expected")
            self.at = closing.end()
            return value
        if token[4] in "+-~":
            value = self._unary()
            return (value if token[4] == "+" else -value if token[4] == "-" else ~value) & MASK
        raise ExpressionError(f"a number is expected at {self.text[token.start(4):]!r}")
