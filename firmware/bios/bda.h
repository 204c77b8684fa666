/* BIOS data area at 40:0 and extended BIOS data area (Ralf Brown's MEMORY.LST).
 *
 * In the 16-bit runtime FS is 0040h in every service: `BDA->ticks`.
 */
#ifndef BDA_H
#define BDA_H

#include "types.h"

struct bda {
    u16 com[4];             /* 00 */
    u16 lpt[3];             /* 08 */
    u16 ebda_seg;           /* 0E */
    u16 equipment;          /* 10 */
    u8 post_flag;           /* 12 */
    u16 memory_kib;         /* 13 */
    u8 pad15[2];            /* 15 */
    u8 kbd_flags0;          /* 17 */
    u8 kbd_flags1;          /* 18 */
    u8 kbd_alt_number;      /* 19 */
    u16 kbd_head;           /* 1A */
    u16 kbd_tail;           /* 1C */
    u16 kbd_buffer[16];     /* 1E */
    u8 floppy_recal;        /* 3E */
    u8 floppy_motor;        /* 3F */
    u8 floppy_motor_count;  /* 40: decremented by INT 8, motors off at 0 */
    u8 floppy_status;       /* 41 */
    u8 floppy_result[7];    /* 42 */
    u8 video_mode;          /* 49 */
    u16 video_cols;         /* 4A */
    u16 video_page_size;    /* 4C */
    u16 video_page_start;   /* 4E */
    u16 video_cursor[8];    /* 50 */
    u16 video_cursor_type;  /* 60 */
    u8 video_page;          /* 62 */
    u16 video_crtc;         /* 63 */
    u8 video_msr;           /* 65 */
    u8 video_pal;           /* 66 */
    u16 resume_off;         /* 67: far pointer for the shutdown codes 5 and 0Ah */
    u16 resume_seg;         /* 69 */
    u8 last_spurious;       /* 6B */
    u32 ticks;              /* 6C */
    u8 midnight;            /* 70 */
    u8 ctrl_break;          /* 71 */
    u16 soft_reset;         /* 72: 1234h warm */
    u8 disk_status;         /* 74 */
    u8 disk_count;          /* 75 */
    u8 disk_control;        /* 76 */
    u8 disk_port;           /* 77 */
    u8 lpt_timeout[4];      /* 78 */
    u8 com_timeout[4];      /* 7C */
    u16 kbd_buf_start;      /* 80 */
    u16 kbd_buf_end;        /* 82 */
    u8 video_rows;          /* 84 */
    u16 char_height;        /* 85 */
    u8 video_ctl;           /* 87 */
    u8 video_switches;      /* 88 */
    u8 modeset_ctl;         /* 89 */
    u8 dcc_index;           /* 8A */
    u8 floppy_rate;         /* 8B */
    u8 disk_reg_status;     /* 8C */
    u8 disk_reg_error;      /* 8D */
    u8 disk_irq_flag;       /* 8E */
    u8 floppy_types;        /* 8F */
    u8 floppy_state[4];     /* 90 */
    u8 floppy_track[2];     /* 94 */
    u8 kbd_mode;            /* 96 */
    u8 kbd_leds;            /* 97 */
    u32 wait_flag_ptr;      /* 98 */
    u32 wait_us;            /* 9C */
    u8 wait_active;         /* A0 */
    u8 padA1[7];            /* A1 */
    u32 video_save_table;   /* A8 */
} PACKED;

struct ebda {
    u8 size_kib;            /* 00 */
    u8 pad01[0x21];
    u16 mouse_off;          /* 22: the device handler, called far by the packet interrupt */
    u16 mouse_seg;          /* 24 */
    u8 mouse_flag1;         /* 26: 7 command underway, 6 resend, 5 ack, 4 error, 2-0 index */
    u8 mouse_flag2;         /* 27: 7 handler set, 2-0 package size */
    u8 mouse_data[8];       /* 28 */
    u8 pad30[0x3D - 0x30];
    u8 disk_table[2][16];   /* 3D: fixed disk parameter tables, INT 41h and 46h */
    u8 pad5D[0x120 - 0x5D];
} PACKED;

#endif
