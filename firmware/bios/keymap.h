/* From a set 1 scan code to what INT 16h gives: four words (scan << 8 | character) a key. */
#ifndef KEYMAP_H
#define KEYMAP_H

#include "types.h"

struct key { u16 plain, shift, ctrl, alt; };        /* 0: the combination gives nothing */
enum { KEYMAP_FIRST_PAD = 0x47, KEYMAP_LAST_PAD = 0x53, KEYMAP_COUNT = 0x59 };
extern const struct key keymap[KEYMAP_COUNT];       /* by scan code 00h-58h */
struct key_e0 { u8 scan; struct key key; };
extern const struct key_e0 keymap_e0[];              /* those behind E0h; ends with scan 0 */
extern const u8 keymap_letters[32];                 /* bit n % 8 of byte n / 8: Caps Lock counts for this key */

#endif
