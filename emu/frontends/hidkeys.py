"""Keys by their place on the keyboard: USB HID usages (which SDL's scancodes are) to set-1 codes, whatever layout the host has.

Spec: USB HID Usage Tables 1.12, page 0x07.
"""
from __future__ import annotations

from ..layouts import QCODES

_ROWS = {
    4: "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7 8 9 0 ret esc backspace tab spc minus equal "
       "bracket_left bracket_right backslash backslash semicolon apostrophe grave_accent comma dot slash caps_lock "
       "f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 print scroll_lock pause insert home pgup delete end pgdn right left down up "
       "num_lock kp_divide kp_multiply kp_subtract kp_add kp_enter kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 kp_0 kp_decimal "
       "less menu power kp_equals",
    127: "audiomute volumeup volumedown", 133: "kp_comma", 135: "ro hiragana yen henkan muhenkan", 154: "sysrq",
    224: "ctrl shift alt meta_l ctrl_r shift_r alt_r meta_r",
    258: "audionext audioprev audiostop audioplay audiomute mediaselect",
    265: "mail calculator computer", 269: "ac_home ac_back ac_forward", 273: "ac_refresh ac_bookmarks", 282: "sleep",
}
KEYS: dict[int, int] = {first + k: QCODES[name] for first, row in _ROWS.items() for k, name in enumerate(row.split())}
