"""Code page 437 out of Unscii: `python convert.py FOLDER`, FOLDER holding `unscii/raw_unscii/` of the `unscii` package.

Writes 8x16.hex, 8x14.hex and 8x8.hex beside this file, one glyph a line: code, colon, a byte a row.  They are what
firmware/build.py reads; this script ran once and stays as the record of where they came from.
Glyphs Unscii does not have are drawn below; 8x14 is 8x16 with two rows taken out.
"""
import sys
from pathlib import Path

LOW = "\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
CP437 = [*LOW, *map(chr, range(32, 127)), "⌂", *bytes(range(128, 256)).decode("cp437")]

DRAWN16 = {
    "♂": "00 00 1e 0e 1a 32 78 cc cc cc cc 78 00 00 00 00",
    "♀": "00 00 3c 66 66 66 66 3c 18 7e 18 18 00 00 00 00",
    "☼": "00 00 00 18 18 db 3c e7 3c db 18 18 00 00 00 00",
    "↕": "00 00 18 3c 7e 18 18 18 18 7e 3c 18 00 00 00 00",
    "↨": "00 00 18 3c 7e 18 18 18 18 7e 3c 18 ff 00 00 00",
    "↑": "00 00 18 3c 7e 18 18 18 18 18 18 18 00 00 00 00",
    "↓": "00 00 18 18 18 18 18 18 18 7e 3c 18 00 00 00 00",
    "⌂": "00 00 00 00 10 38 6c c6 c6 c6 c6 fe 00 00 00 00",
    "⌐": "00 00 00 00 00 00 00 fe c0 c0 c0 c0 00 00 00 00",
    "∟": "00 00 00 00 00 00 c0 c0 c0 c0 c0 fe 00 00 00 00",
    "∙": "00 00 00 00 00 00 00 18 18 00 00 00 00 00 00 00",
    "·": "00 00 00 00 00 00 00 00 18 00 00 00 00 00 00 00",
    "•": "00 00 00 00 00 18 3c 7e 7e 3c 18 00 00 00 00 00",
    "◘": "ff ff ff ff ff e7 c3 81 81 c3 e7 ff ff ff ff ff",
    "○": "00 00 00 00 00 3c 66 42 42 66 3c 00 00 00 00 00",
    "◙": "ff ff ff ff ff c3 99 bd bd 99 c3 ff ff ff ff ff",
    "▲": "00 00 00 10 10 38 38 7c 7c fe fe 00 00 00 00 00",
    "▼": "00 00 00 fe fe 7c 7c 38 38 10 10 00 00 00 00 00",
    "►": "00 00 00 80 c0 e0 f8 fe fe f8 e0 c0 80 00 00 00",
    "◄": "00 00 00 02 06 0e 3e fe fe 3e 0e 06 02 00 00 00",
    "▬": "00 00 00 00 00 00 00 00 fe fe fe fe 00 00 00 00",
}
DRAWN8 = {
    "♂": "0f 07 0d 78 cc cc cc 78",
    "♀": "3c 66 66 66 3c 18 7e 18",
    "☼": "18 db 3c e7 e7 3c db 18",
    "↕": "18 3c 7e 18 18 7e 3c 18",
    "↨": "18 3c 7e 18 7e 3c 18 ff",
    "↑": "18 3c 7e 18 18 18 18 00",
    "↓": "18 18 18 18 7e 3c 18 00",
    "⌂": "00 10 38 6c c6 c6 fe 00",
    "⌐": "00 00 00 fe c0 c0 00 00",
    "∟": "00 00 c0 c0 c0 fe 00 00",
    "∙": "00 00 00 18 18 00 00 00",
    "·": "00 00 00 00 18 00 00 00",
    "▲": "00 10 38 38 7c 7c fe 00",
    "▼": "00 fe 7c 7c 38 38 10 00",
    "►": "80 e0 f8 fe f8 e0 80 00",
    "◄": "02 0e 3e fe 3e 0e 02 00",
    "▬": "00 00 00 00 7e 7e 7e 00",
}


def shorter(glyph: list[int], code: int) -> list[int]:
    """16 rows to 14: the first and the last, where they are blank or part of a line that goes on; else one that repeats."""
    rows = list(glyph)
    block = code in (0x08, 0x0A) or 0xB0 <= code <= 0xDF
    for edge, order in ((0, range(1, 9)), (-1, range(len(rows) - 3, 6, -1))):
        if rows[edge] == 0 or block:
            del rows[edge]
        else:
            del rows[next((at for at in order if rows[at] in (0, rows[at - 1])), edge)]
    return rows


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from unscii.raw_unscii.unscii_8 import unscii_8_bytes
    from unscii.raw_unscii.unscii_16 import unscii_16_bytes

    fonts: dict[str, list[list[int]]] = {"8x16": [], "8x14": [], "8x8": []}
    for code, char in enumerate(CP437):
        def glyph(drawn: dict[str, str], font: dict[int, list[int]], code: int = code, char: str = char) -> list[int]:
            blank = code in (0, 255)
            return list(bytes.fromhex(drawn[char])) if char in drawn else [0] * len(font[32]) if blank else font[ord(char)]
        fonts["8x16"].append(glyph(DRAWN16, unscii_16_bytes))
        fonts["8x14"].append(shorter(fonts["8x16"][-1], code))
        fonts["8x8"].append(glyph(DRAWN8, unscii_8_bytes))
    for name, glyphs in fonts.items():
        text = "".join(f"{code:02X}:{bytes(rows).hex().upper()}\n" for code, rows in enumerate(glyphs))
        Path(__file__).with_name(f"{name}.hex").write_text(text)


if __name__ == "__main__":
    main()
