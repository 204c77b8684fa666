"""Keys of a PC keyboard, and what they write in the layouts a guest may be set to.

A key is named by its set-1 scan code, extended keys as 0xE000 | code, as devices/ps2_keyboard.pyx has them; QCODES gives it
the names QEMU uses (qapi/ui.json, QKeyCode).  A layout maps characters to keys held with Shift or AltGr; dead keys are left out.
"""
from __future__ import annotations

from .errors import ConfigError, suggest

QCODES: dict[str, int] = {
    "esc": 0x01, "1": 0x02, "2": 0x03, "3": 0x04, "4": 0x05, "5": 0x06, "6": 0x07, "7": 0x08, "8": 0x09, "9": 0x0A, "0": 0x0B,
    "minus": 0x0C, "equal": 0x0D, "backspace": 0x0E, "tab": 0x0F, "q": 0x10, "w": 0x11, "e": 0x12, "r": 0x13, "t": 0x14,
    "y": 0x15, "u": 0x16, "i": 0x17, "o": 0x18, "p": 0x19, "bracket_left": 0x1A, "bracket_right": 0x1B, "ret": 0x1C,
    "ctrl": 0x1D, "a": 0x1E, "s": 0x1F, "d": 0x20, "f": 0x21, "g": 0x22, "h": 0x23, "j": 0x24, "k": 0x25, "l": 0x26,
    "semicolon": 0x27, "apostrophe": 0x28, "grave_accent": 0x29, "shift": 0x2A, "backslash": 0x2B, "z": 0x2C, "x": 0x2D,
    "c": 0x2E, "v": 0x2F, "b": 0x30, "n": 0x31, "m": 0x32, "comma": 0x33, "dot": 0x34, "slash": 0x35, "shift_r": 0x36,
    "kp_multiply": 0x37, "asterisk": 0x37, "alt": 0x38, "spc": 0x39, "caps_lock": 0x3A, "f1": 0x3B, "f2": 0x3C, "f3": 0x3D,
    "f4": 0x3E, "f5": 0x3F, "f6": 0x40, "f7": 0x41, "f8": 0x42, "f9": 0x43, "f10": 0x44, "num_lock": 0x45, "scroll_lock": 0x46,
    "kp_7": 0x47, "kp_8": 0x48, "kp_9": 0x49, "kp_subtract": 0x4A, "kp_4": 0x4B, "kp_5": 0x4C, "kp_6": 0x4D, "kp_add": 0x4E,
    "kp_1": 0x4F, "kp_2": 0x50, "kp_3": 0x51, "kp_0": 0x52, "kp_decimal": 0x53, "sysrq": 0x54, "less": 0x56, "f11": 0x57,
    "f12": 0x58, "kp_equals": 0x59, "henkan": 0x79, "muhenkan": 0x7B, "hiragana": 0x70, "katakanahiragana": 0x70, "ro": 0x73,
    "yen": 0x7D, "kp_comma": 0x7E, "kp_enter": 0xE01C, "ctrl_r": 0xE01D, "kp_divide": 0xE035, "print": 0xE037, "alt_r": 0xE038,
    "home": 0xE047, "up": 0xE048, "pgup": 0xE049, "left": 0xE04B, "right": 0xE04D, "end": 0xE04F, "down": 0xE050,
    "pgdn": 0xE051, "insert": 0xE052, "delete": 0xE053, "meta_l": 0xE05B, "meta_r": 0xE05C, "menu": 0xE05D, "compose": 0xE05D,
    "power": 0xE05E, "sleep": 0xE05F, "wake": 0xE063, "audioprev": 0xE010, "audionext": 0xE019, "audiomute": 0xE020,
    "calculator": 0xE021, "audioplay": 0xE022, "audiostop": 0xE024, "volumedown": 0xE02E, "volumeup": 0xE030,
    "ac_home": 0xE032, "ac_bookmarks": 0xE066, "ac_refresh": 0xE067, "ac_forward": 0xE069, "ac_back": 0xE06A,
    "computer": 0xE06B, "mail": 0xE06C, "mediaselect": 0xE06D, "pause": 0xE11D,
}
# further names people use for the same keys
ALIASES = {"enter": "ret", "return": "ret", "escape": "esc", "space": "spc", "del": "delete", "ins": "insert", "control": "ctrl",
           "page_up": "pgup", "pageup": "pgup", "page_down": "pgdn", "pagedown": "pgdn", "win": "meta_l", "super": "meta_l",
           "ctrl_l": "ctrl", "shift_l": "shift", "alt_l": "alt", "altgr": "alt_r", "bksp": "backspace", "prtsc": "print",
           "period": "dot", "capslock": "caps_lock", "numlock": "num_lock", "scrolllock": "scroll_lock", "break": "pause"}
PLAIN_NAMES = {"-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", ";": "semicolon", "'": "apostrophe",
               "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot", "/": "slash", " ": "spc"}
SHIFT, ALTGR, CTRL = 0x2A, 0xE038, 0x1D

# The rows of keys by set-1 code; \0 is a key that writes nothing there (or is dead).
_ROWS = ((0x29, 1), (0x02, 12), (0x10, 12), (0x1E, 11), (0x2B, 1), (0x2C, 10), (0x56, 1))
_LAYOUTS: dict[str, tuple[str, str, str]] = {       # plain, with Shift, with AltGr
    "en-us": ("`" "1234567890-=" "qwertyuiop[]" "asdfghjkl;'" "\\" "zxcvbnm,./" "\0",
              "~" "!@#$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:\"" "|" "ZXCVBNM<>?" "\0", ""),
    "en-gb": ("`" "1234567890-=" "qwertyuiop[]" "asdfghjkl;'" "#" "zxcvbnm,./" "\\",
              "¬" "!\"£$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:@" "~" "ZXCVBNM<>?" "|",
              "¦" "\0\0\0€\0\0\0\0\0\0\0\0" "\0\0é\0\0\0úíó\0\0\0" "á"),
    "de": ("\0" "1234567890ß\0" "qwertzuiopü+" "asdfghjklöä" "#" "yxcvbnm,.-" "<",
           "°" "!\"§$%&/()=?\0" "QWERTZUIOPÜ*" "ASDFGHJKLÖÄ" "'" "YXCVBNM;:_" ">",
           "\0" "\0²³\0\0\0{[]}\\\0" "@\0€\0\0\0\0\0\0\0\0~" "\0\0\0\0\0\0\0\0\0\0\0" "\0" "\0\0\0\0\0\0µ\0\0\0" "|"),
    "fr": ("²" "&é\"'(-è_çà)=" "azertyuiop\0$" "qsdfghjklmù" "*" "wxcvbn,;:!" "<",
           "\0" "1234567890°+" "AZERTYUIOP\0£" "QSDFGHJKLM%" "µ" "WXCVBN?./§" ">",
           "\0" "\0~#{[|`\\^@]}" "\0\0€\0\0\0\0\0\0\0\0¤"),
    "es": ("º" "1234567890'¡" "qwertyuiop\0+" "asdfghjklñ\0" "ç" "zxcvbnm,.-" "<",
           "ª" "!\"·$%&/()=?¿" "QWERTYUIOP\0*" "ASDFGHJKLÑ\0" "Ç" "ZXCVBNM;:_" ">",
           "\\" "|@#~€¬\0\0\0\0\0\0" "\0\0€\0\0\0\0\0\0\0[]" "\0\0\0\0\0\0\0\0\0\0{" "}"),
    "it": ("\\" "1234567890'ì" "qwertyuiopè+" "asdfghjklòà" "ù" "zxcvbnm,.-" "<",
           "|" "!\"£$%&/()=?^" "QWERTYUIOPé*" "ASDFGHJKLç°" "§" "ZXCVBNM;:_" ">",
           "\0" "\0\0\0\0\0\0\0\0\0\0\0\0" "\0\0€\0\0\0\0\0\0\0[]" "\0\0\0\0\0\0\0\0\0@#"),
    "sv": ("§" "1234567890+\0" "qwertyuiopå\0" "asdfghjklöä" "'" "zxcvbnm,.-" "<",
           "½" "!\"#¤%&/()=?\0" "QWERTYUIOPÅ\0" "ASDFGHJKLÖÄ" "*" "ZXCVBNM;:_" ">",
           "\0" "\0@£$€\0{[]}\\\0" "\0\0€\0\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0" "\0" "\0\0\0\0\0\0µ\0\0\0" "|"),
}
NAMES = {"us": "en-us", "en": "en-us", "uk": "en-gb", "gb": "en-gb", "fr-fr": "fr", "de-de": "de", "se": "sv"}
LAYOUTS = tuple(_LAYOUTS)
_EVERYWHERE = {"\n": (0x1C,), "\r": (0x1C,), "\t": (0x0F,), "\b": (0x0E,), "\x7f": (0xE053,), "\x1b": (0x01,), " ": (0x39,)}


def layout_name(name: str) -> str:
    """The layout meant by a name like "us", "en-us", "de"; ConfigError for one that is not here."""
    known = name.lower().replace("_", "-")
    known = NAMES.get(known, known)
    if known not in _LAYOUTS:
        raise ConfigError(f"there is no keyboard layout {name!r}" + suggest(known, LAYOUTS))
    return known


def layout(name: str) -> dict[str, tuple[int, ...]]:
    """The keys that write each character: held ones first, the key itself last."""
    codes = [code + k for code, n in _ROWS for k in range(n)]
    out: dict[str, tuple[int, ...]] = {}
    for held, text in zip(((), (SHIFT,), (ALTGR,)), _LAYOUTS[layout_name(name)], strict=True):
        for code, char in zip(codes, text, strict=False):
            if char != "\0":
                out.setdefault(char, (*held, code))
    for k in range(1, 27):
        key = out.get(chr(0x60 + k))
        if key:
            out[chr(k)] = (CTRL, *key)
    out[chr(0x1C)] = (CTRL, 0x2B)
    return out | _EVERYWHERE


def key_code(name: str | int) -> int:
    """The set-1 code behind a QEMU key name, one of our own names for it, a character of a US key, or a number."""
    if isinstance(name, int):
        return name
    word = name.strip() if name != " " else name
    if len(word) == 1:
        word = PLAIN_NAMES.get(word, word)
    word = word.lower()
    word = ALIASES.get(word, word)
    if word in QCODES:
        return QCODES[word]
    if word.startswith("0x"):
        try:
            number = int(word, 16)
        except ValueError:
            number = 0
        if 0 < number < 0x80:
            return number
        if 0x80 < number < 0x100:       # as QEMU numbers extended keys
            return 0xE000 | number & 0x7F
    raise ConfigError(f"there is no key {name!r}" + suggest(word, QCODES))


def split_keys(text: str) -> list[int]:
    """The keys of "ctrl-alt-delete", also "ctrl+alt+delete"; "-" and "+" themselves may be the last."""
    words: list[str] = []
    rest = text
    while rest:
        for k, char in enumerate(rest):
            if char in "-+" and k:
                words.append(rest[:k])
                rest = rest[k + 1:]
                break
        else:
            words.append(rest)
            rest = ""
    if not words:
        raise ConfigError(f"no key in {text!r}")
    return [code for word in words for code in (split_one(word))]


def split_one(word: str) -> tuple[int, ...]:
    """One word of a key combination; "+" is Shift and its key."""
    if word == "+":
        return SHIFT, 0x0D
    return (key_code(word),)
