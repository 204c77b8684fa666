/* Characters: scrolling, reading, writing and teletype (INT 10h AH=06h-0Ah, 0Eh, 13h), in text and graphics modes. */
#include "vga.h"

static int is_text(void) { return kind_of(bda8(MODE)) == TEXT; }

static u16 cell(u8 page, u8 row, u8 col)
{
    return bda16(PAGE_SIZE) * page + (row * bda16(COLS) + col) * 2;
}

static void scroll_text(u8 lines, u8 top, u8 left, u8 bottom, u8 right, u8 attr, int down)
{
    u16 seg = segment_of(bda8(MODE)), width = right - left + 1;
    u8 page = bda8(PAGE), height = bottom - top + 1;
    u32 k;
    for (k = 0; k < height; k++) {
        u8 to = down ? (u8)(bottom - k) : (u8)(top + k);
        if (lines && k + lines < height)
            copy8(seg, cell(page, to, left), seg, cell(page, down ? to - lines : to + lines, left), width * 2, 0);
        else
            fill16(seg, cell(page, to, left), (u16)(' ' | attr << 8), width);
    }
}

void scroll(struct regs *r, int down)
{
    u8 rows = bda8(ROWS), cols = (u8)(bda16(COLS) - 1), bottom = r->dh > rows ? rows : r->dh, right = r->dl > cols ? cols : r->dl;
    u8 lines = r->al;
    if (r->ch > bottom || r->cl > right)
        return;
    if (lines > bottom - r->ch)
        lines = 0;
    if (is_text())
        scroll_text(lines, r->ch, r->cl, bottom, right, r->bh, down);
    else
        scroll_graphics(lines, r->ch, r->cl, bottom, right, r->bh, down);
}

void read_char(struct regs *r)
{
    u16 at = bda16(CURSOR + 2 * (r->bh & 7));
    if (is_text())
        r->ax = get16(segment_of(bda8(MODE)), cell(r->bh & 7, (u8)(at >> 8), (u8)at));
    else
        r->ax = match_char((u8)(at >> 8), (u8)at, r->bh & 7);
}

void write_char(u8 page, u8 c, u8 attr, u16 count, int with_attr)
{
    u16 at = bda16(CURSOR + 2 * (page & 7)), cols = bda16(COLS), seg = segment_of(bda8(MODE)), place;
    u8 row = (u8)(at >> 8), col = (u8)at;
    if (is_text()) {
        place = cell(page & 7, row, col);
        while (count--) {
            put8(seg, place, c);
            if (with_attr)
                put8(seg, place + 1, attr);
            place += 2;
        }
        return;
    }
    while (count-- && col < cols)
        draw_char(c, row, col++, attr, page & 7);
}

void teletype(u8 page, u8 c, u8 colour)
{
    u16 at = bda16(CURSOR + 2 * (page & 7));
    u8 row = (u8)(at >> 8), col = (u8)at, rows = bda8(ROWS), cols = (u8)bda16(COLS), attr;
    page &= 7;
    if (c == 7) {                               /* beep: counter 2 at 1000 Hz for a moment */
        u8 old = in8(0x61);
        u32 wait;
        out8(0x43, 0xB6);
        out8(0x42, 0xA9);
        out8(0x42, 0x04);
        out8(0x61, old | 3);
        for (wait = 0; wait < 6000; wait++) {   /* 15 us between two changes of the refresh bit */
            u8 refresh = in8(0x61) & 0x10;
            u32 most = 2000;
            while ((in8(0x61) & 0x10) == refresh && --most) {
            }
        }
        out8(0x61, old);
        return;
    }
    if (c == 8) {
        if (col)
            col--;
    } else if (c == 13) {
        col = 0;
    } else if (c == 10) {
        row++;
    } else {
        if (is_text())
            put8(segment_of(bda8(MODE)), cell(page, row, col), c);
        else
            draw_char(c, row, col, colour, page);
        if (++col >= cols) {
            col = 0;
            row++;
        }
    }
    if (row > rows) {
        row = rows;
        if (is_text()) {
            attr = get8(segment_of(bda8(MODE)), cell(page, row, col) + 1);
            if (page == bda8(PAGE)) {
                scroll_text(1, 0, 0, rows, cols - 1, attr, 0);
            } else {
                u8 shown = bda8(PAGE);
                put8(BDA, PAGE, page);
                scroll_text(1, 0, 0, rows, cols - 1, attr, 0);
                put8(BDA, PAGE, shown);
            }
        } else {
            scroll_graphics(1, 0, 0, rows, cols - 1, 0, 0);
        }
    }
    put_cursor(page, row, col);
}

void write_string(struct regs *r)
{
    u16 at = r->bp, old = bda16(CURSOR + 2 * (r->bh & 7)), n;
    u8 page = r->bh & 7;
    put_cursor(page, r->dh, r->dl);
    for (n = r->cx; n; n--) {
        u8 c = get8(r->es, at++), attr = r->bl;
        if (r->al & 2)
            attr = get8(r->es, at++);
        if (c == 7 || c == 8 || c == 10 || c == 13) {
            teletype(page, c, attr);
        } else {
            write_char(page, c, attr, 1, 1);
            if (is_text()) {
                teletype(page, c, attr);
            } else {                            /* drawn already: only the cursor moves */
                u16 where = bda16(CURSOR + 2 * page);
                u8 row = (u8)(where >> 8), col = (u8)(where + 1);
                if (col >= bda16(COLS))
                    teletype(page, c, attr);
                else
                    put_cursor(page, row, col);
            }
        }
    }
    if (!(r->al & 1))
        put_cursor(page, (u8)(old >> 8), (u8)old);
}
