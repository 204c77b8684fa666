/* INT 13h/40h for floppies (DL 0 and 1), IRQ 6: the 82077AA by DMA channel 2.
 *
 * The drive's type comes from CMOS 10h; the medium is found by trying data rates until an ID field reads, and kept in 40:90
 * as on the AT (bits 7-6 rate, 5 double step, 4 known).  Sectors per track, gaps, times come from the table INT 1Eh points
 * at, which programs change.
 * Spec: IBM PC/AT Technical Reference (diskette BIOS); Intel 82077AA data sheet; Ralf Brown's Interrupt List.
 */
#include "disk.h"

enum { DOR = 0x3F2, MSR = 0x3F4, FIFO = 0x3F5, DIR = 0x3F7, CCR = 0x3F7 };
enum { RQM = 0x80, DIO = 0x40, BUSY = 0x10, CHANGED = 0x80, IRQ_SEEN = 0x80, NOT_IN_RESET = 0x04, DMA_GATE = 0x08 };
enum {
    SPECIFY = 0x03, RECALIBRATE = 0x07, SENSE = 0x08, READ_ID = 0x4A, FORMAT = 0x4D, SEEK = 0x0F,
    PERPENDICULAR = 0x12, READ = 0xE6, WRITE = 0xC5,
};
enum { DMA_VERIFY = 0x42, DMA_TO_MEMORY = 0x46, DMA_FROM_MEMORY = 0x4A };
enum { RATE = 0xC0, DOUBLE_STEP = 0x20, KNOWN = 0x10 };
enum { T_NONE, T_360K, T_1200K, T_720K, T_1440K, T_2880K };

/* The table of INT 1Eh. */
enum { SPEC1, SPEC2, MOTOR_OFF, SIZE_CODE, LAST_SECTOR, GAP, DATA_LENGTH, FORMAT_GAP, FILL, SETTLE_MS, MOTOR_START, TABLE_SIZE };

static const struct kind {
    u8 tracks, sectors;
    u8 rates[3];                            /* in the order to try: 0 500, 1 300, 2 250, 3 1000 kbit/s; FFh ends */
    u8 change_line;
    u8 table[TABLE_SIZE];
} kinds[] = {
    [T_360K]  = { 40, 9,  { 2, 0xFF, 0xFF }, 0, { 0xDF, 2, 0x25, 2, 9,  0x2A, 0xFF, 0x50, 0xF6, 15, 8 } },
    [T_1200K] = { 80, 15, { 0, 1, 0xFF },    1, { 0xDF, 2, 0x25, 2, 15, 0x1B, 0xFF, 0x54, 0xF6, 15, 8 } },
    [T_720K]  = { 80, 9,  { 2, 0xFF, 0xFF }, 1, { 0xDF, 2, 0x25, 2, 9,  0x2A, 0xFF, 0x50, 0xF6, 15, 8 } },
    [T_1440K] = { 80, 18, { 0, 2, 0xFF },    1, { 0xAF, 2, 0x25, 2, 18, 0x1B, 0xFF, 0x6C, 0xF6, 15, 8 } },
    [T_2880K] = { 80, 36, { 3, 0, 2 },       1, { 0xAF, 2, 0x25, 2, 36, 0x1B, 0xFF, 0x54, 0xF6, 15, 8 } },
};

u8 floppy_type(u8 unit)
{
    u8 v = cmos_read(0x10);
    v = unit == 0 ? v >> 4 : unit == 1 ? v & 15 : 0;
    return v == 6 ? T_2880K : v > T_2880K ? T_NONE : v;
}

u8 floppy_count(void)
{
    return (floppy_type(0) != T_NONE) + (floppy_type(1) != T_NONE);
}

static u8 table(u8 field)
{
    u32 at = ivt_get(0x1E);
    return far_get8(at >> 16, at + field);
}

/* ---- the controller ---------------------------------------------------------------------------------------------------- */
static u8 wait_msr(u8 value)
{
    struct patience p;
    patience_ms(&p, 500);
    while ((inb(MSR) & (RQM | DIO)) != value)
        if (patience_over(&p))
            return TIMED_OUT;
    return OK;
}

static u8 send(const u8 *bytes, u32 n)
{
    for (; n; n--) {
        if (wait_msr(RQM) != OK)
            return TIMED_OUT;
        outb(FIFO, *bytes++);
    }
    return OK;
}

static u8 receive(u8 *bytes, u32 n)
{
    for (; n; n--) {
        if (wait_msr(RQM | DIO) != OK)
            return TIMED_OUT;
        *bytes++ = inb(FIFO);
    }
    return OK;
}

static void forget_irq(void) { BDA->floppy_recal &= ~IRQ_SEEN; }

static u8 wait_irq(u32 ms)
{
    u8 seen = wait_bda(&BDA->floppy_recal, IRQ_SEEN, ms);
    forget_irq();
    return seen ? OK : TIMED_OUT;
}

static u8 sense(u8 *st0)
{
    u8 cmd = SENSE, answer[2];
    if (send(&cmd, 1) != OK || receive(answer, 2) != OK)
        return TIMED_OUT;
    BDA->floppy_result[0] = *st0 = answer[0];
    BDA->floppy_result[1] = answer[1];
    return OK;
}

static u8 specify(void)
{
    u8 cmd[3] = { SPECIFY, table(SPEC1), table(SPEC2) & ~1 };
    return send(cmd, 3);
}

/* 40:3F has the motors in bits 0-3 and the selected drive in 5-4; DOR has them the other way round. */
static u8 dor(void)
{
    u8 m = BDA->floppy_motor;
    return (m & 15) << 4 | (m >> 4 & 3);
}

static u8 reset(void)
{
    u8 st0, s;
    forget_irq();
    outb(DOR, (dor() | DMA_GATE) & ~NOT_IN_RESET);
    delay_us(10);
    outb(DOR, dor() | DMA_GATE | NOT_IN_RESET);
    BDA->floppy_recal = 0;
    if (wait_irq(500) != OK)
        return TIMED_OUT;
    s = OK;
    for (u8 k = 0; k < 4 && s == OK; k++) {         /* polling mode reports all four */
        s = sense(&st0);
        if (s == OK && (st0 & 0xC0) != 0xC0)
            s = k ? OK : CONTROLLER;
    }
    if (s == OK)
        s = specify();
    u8 tall = (floppy_type(0) == T_2880K) | (floppy_type(1) == T_2880K) << 1, cmd[2] = { PERPENDICULAR, 0x80 | tall << 2 };
    return s == OK && tall ? send(cmd, 2) : s;
}

static void motor(u8 unit, int writing)
{
    u8 bit = 1 << unit, was = BDA->floppy_motor;
    BDA->floppy_motor_count = 0xFF;                 /* INT 8 must not stop it under us */
    BDA->floppy_motor = (writing ? 0x80 : 0) | unit << 4 | bit;
    outb(DOR, dor() | DMA_GATE | NOT_IN_RESET);
    if (!(was & bit)) {
        u32 eighths = table(MOTOR_START);
        sleep_ms((eighths < 5 ? 5 : eighths > 16 ? 16 : eighths) * 125);
    }
}

static void motor_release(void) { BDA->floppy_motor_count = table(MOTOR_OFF); }

static void set_rate(u8 unit)
{
    u8 rate = BDA->floppy_state[unit] >> 6;
    if (BDA->floppy_rate >> 6 != rate || !(BDA->floppy_recal & 0x40)) {
        outb(CCR, rate);
        BDA->floppy_rate = rate << 6;
    }
}

static u8 recalibrate(u8 unit)
{
    u8 cmd[2] = { RECALIBRATE, unit }, st0, s;
    for (u32 tries = 0; tries < 2; tries++) {       /* 77 steps each time */
        forget_irq();
        s = send(cmd, 2);
        if (s == OK)
            s = wait_irq(1500);
        if (s == OK)
            s = sense(&st0);
        if (s != OK)
            return s;
        if (!(st0 & 0xC0)) {
            BDA->floppy_recal |= 1 << unit;
            BDA->floppy_track[unit] = 0;
            sleep_ms(table(SETTLE_MS) + 1);
            return OK;
        }
    }
    return SEEK_FAILED;
}

static u8 seek(u8 unit, u8 head, u8 track)
{
    u8 s = OK, st0;
    if (!(BDA->floppy_recal & 1 << unit)) {
        s = recalibrate(unit);
        if (s != OK)
            return s;
    }
    if (BDA->floppy_state[unit] & DOUBLE_STEP)
        track *= 2;
    if (BDA->floppy_track[unit] == track)
        return OK;
    u8 cmd[3] = { SEEK, head << 2 | unit, track };
    forget_irq();
    s = send(cmd, 3);
    if (s == OK)
        s = wait_irq(1500);
    if (s == OK)
        s = sense(&st0);
    if (s == OK && st0 & 0xC0)
        s = SEEK_FAILED;
    if (s == OK) {
        BDA->floppy_track[unit] = track;
        sleep_ms(table(SETTLE_MS));
    } else {
        BDA->floppy_recal &= ~(1 << unit);
    }
    return s;
}

static u8 status_of(void)
{
    u8 st0 = BDA->floppy_result[0], st1 = BDA->floppy_result[1], st2 = BDA->floppy_result[2];
    if (!(st0 & 0xC0))
        return OK;
    if (st0 & 0x08)
        return TIMED_OUT;                           /* not ready */
    if ((st0 & 0xC0) != 0x40)
        return CONTROLLER;
    if (st1 & 0x02) return WRITE_PROTECTED;
    if (st1 & 0x20) return BAD_CRC;
    if (st1 & 0x10) return DMA_OVERRUN;
    if (st1 & 0x84) return NOT_FOUND;
    if (st1 & 0x01) return st2 & 0x01 ? BAD_MARK : st2 & 0x12 ? NOT_FOUND : BAD_MARK;
    return CONTROLLER;
}

/* A command with a result phase of seven bytes. */
static u8 execute(const u8 *cmd, u32 n, u32 ms)
{
    u8 result[7];
    forget_irq();
    u8 s = send(cmd, n);
    if (s == OK)
        s = wait_irq(ms);
    if (s == OK)
        s = receive(result, 7);
    if (s != OK)
        return s;
    for (u32 k = 0; k < 7; k++)
        BDA->floppy_result[k] = result[k];
    return status_of();
}

/* ---- the medium -------------------------------------------------------------------------------------------------------- */
static u8 read_id(u8 unit, u8 head)
{
    u8 cmd[2] = { READ_ID, head << 2 | unit };
    return execute(cmd, 2, 1000);
}

/* Which rate reads?  A 1.2 MB drive steps twice for the 40 tracks of a 360 KB medium. */
static u8 find_medium(u8 unit)
{
    const struct kind *k = &kinds[floppy_type(unit)];
    u8 s = NOT_FOUND;
    for (u32 n = 0; n < COUNT(k->rates) && k->rates[n] != 0xFF; n++) {
        BDA->floppy_state[unit] = k->rates[n] << 6;
        outb(CCR, k->rates[n]);
        BDA->floppy_rate = k->rates[n] << 6;
        s = recalibrate(unit);
        if (s == OK)
            s = read_id(unit, 0);
        if (s == TIMED_OUT)
            reset();
        if (s != OK)
            continue;
        u8 state = k->rates[n] << 6 | KNOWN;
        switch (floppy_type(unit)) {
        case T_360K: state |= 3; break;
        case T_1200K: state |= k->rates[n] == 1 ? DOUBLE_STEP | 4 : 5; break;
        default: state |= 7;
        }
        BDA->floppy_state[unit] = state;
        return OK;
    }
    BDA->floppy_state[unit] = 0;
    return s;
}

/* Change line on: the medium is another one, or there is none. Stepping clears the line when there is one. */
static u8 check_change(u8 unit)
{
    u8 type = floppy_type(unit);
    if (!kinds[type].change_line || !(inb(DIR) & CHANGED))
        return OK;
    BDA->floppy_state[unit] = 0;
    reset();
    seek(unit, 0, 1);
    seek(unit, 0, 0);
    BDA->floppy_recal &= ~(1 << unit);
    return inb(DIR) & CHANGED ? TIMED_OUT : DISK_CHANGED;
}

static u8 prepare(u8 unit, int writing)
{
    motor(unit, writing);
    u8 s = check_change(unit);
    if (s != OK)
        return s;
    if (!(BDA->floppy_state[unit] & KNOWN))
        return find_medium(unit);
    set_rate(unit);
    return OK;
}

/* ---- transfers --------------------------------------------------------------------------------------------------------- */
static u8 dma(u8 mode, u32 linear, u32 bytes)
{
    u32 count = bytes - 1;
    if (mode == DMA_VERIFY)
        linear = 0;
    if ((linear & 0xFFFF) + count > 0xFFFF || linear + count > 0xFFFFFF)
        return DMA_BOUNDARY;
    outb(0x0A, 0x06);
    outb(0x0C, 0);
    outb(0x0B, mode);
    outb(0x04, linear);
    outb(0x04, linear >> 8);
    outb(0x81, linear >> 16);
    outb(0x0C, 0);
    outb(0x05, count);
    outb(0x05, count >> 8);
    outb(0x0A, 0x02);
    return OK;
}

/* From the place in the result bytes: how many sectors went well. */
static u32 moved(const u8 *cmd)
{
    u32 c = BDA->floppy_result[3], h = BDA->floppy_result[4], s = BDA->floppy_result[5];
    u32 tracks = (c - cmd[2]) * 2 + h - cmd[3];
    if (tracks > 2 || BDA->floppy_result[6] != cmd[5])
        return 0;
    return tracks * cmd[6] + s - cmd[4];
}

static u8 transfer(struct regs *r, u8 unit)
{
    u8 count = r->al, verify = r->ah == 4, writing = r->ah == 3, size = table(SIZE_CODE) & 7, eot = table(LAST_SECTOR), s;
    r->al = 0;
    if (!count || r->dh > 1 || !r->cl)
        return BAD_COMMAND;
    u32 bytes = (u32)count << (7 + size);
    if (bytes > 0x10000)
        return DMA_BOUNDARY;
    if (r->cl > eot)                                /* a first sector the table does not know: the caller knows better */
        eot = r->cl + count - 1 < 0xFF ? r->cl + count - 1 : 0xFF;
    s = dma(verify ? DMA_VERIFY : writing ? DMA_FROM_MEMORY : DMA_TO_MEMORY, ((u32)r->es << 4) + r->bx, bytes);
    if (s != OK)
        return s;
    s = prepare(unit, writing);
    if (s != OK)
        return s;
    u8 cmd[9] = { writing ? WRITE : READ, r->dh << 2 | unit, r->ch, r->dh, r->cl, size, eot, table(GAP), table(DATA_LENGTH) };
    for (u32 tries = 0; tries < 2; tries++) {
        s = seek(unit, r->dh, r->ch);
        if (s != OK)
            break;
        dma(verify ? DMA_VERIFY : writing ? DMA_FROM_MEMORY : DMA_TO_MEMORY, ((u32)r->es << 4) + r->bx, bytes);
        s = execute(cmd, 9, 3000);
        if (s == OK) {
            r->al = count;
            return OK;
        }
        if (s == TIMED_OUT) {
            reset();
            break;
        }
        r->al = moved(cmd) < count ? moved(cmd) : 0;
        if (tries || (s != NOT_FOUND && s != BAD_MARK))
            break;
        u8 was = BDA->floppy_state[unit];           /* perhaps a medium of another rate, on a drive that does not tell */
        if (read_id(unit, r->dh) == OK)
            break;
        if (find_medium(unit) != OK || BDA->floppy_state[unit] == was)
            break;
    }
    if (s != OK)
        BDA->floppy_recal &= ~(1 << unit);
    return s;
}

/* AH=05h: four bytes a sector at ES:BX, sectors per track from the table. */
static u8 format(struct regs *r, u8 unit)
{
    u8 sectors = table(LAST_SECTOR), size = table(SIZE_CODE) & 7, s;
    u32 linear = ((u32)r->es << 4) + r->bx;
    if (r->dh > 1 || !sectors)
        return BAD_COMMAND;
    s = dma(DMA_FROM_MEMORY, linear, sectors * 4);
    if (s != OK)
        return s;
    motor(unit, 1);
    s = check_change(unit);
    if (s == TIMED_OUT)
        return s;
    if (!(BDA->floppy_state[unit] & (KNOWN | RATE | 7)))        /* nobody set the type by AH=17h or 18h: the drive's own */
        BDA->floppy_state[unit] = kinds[floppy_type(unit)].rates[0] << 6 | 7;
    u8 rate = BDA->floppy_state[unit] >> 6;
    outb(CCR, rate);
    BDA->floppy_rate = rate << 6;
    s = specify();
    if (s == OK)
        s = seek(unit, r->dh, r->ch);
    if (s != OK)
        return s;
    dma(DMA_FROM_MEMORY, linear, sectors * 4);
    u8 cmd[6] = { FORMAT, r->dh << 2 | unit, size, sectors, table(FORMAT_GAP), table(FILL) };
    s = execute(cmd, 6, 3000);
    if (s == TIMED_OUT)
        reset();
    return s;
}

/* ---- what there is ----------------------------------------------------------------------------------------------------- */
/* Tables the BIOS answers with point into F000h only for 1.44 MB; ours are in the runtime's segment. */
static void point_at_table(struct regs *r, u8 type)
{
    r->es = RUNTIME_SEG;
    r->di = (u16)(u32)kinds[type].table;
}

static void parameters(struct regs *r, u8 unit)
{
    u8 type = floppy_type(unit);
    r->ax = r->bx = r->cx = r->dx = 0;
    r->dl = floppy_count();
    if (type == T_NONE) {
        r->es = r->di = 0;
        set_cf(r, 0);
        BDA->floppy_status = OK;
        return;
    }
    r->bl = type;
    r->ch = kinds[type].tracks - 1;
    r->cl = kinds[type].sectors;
    r->dh = 1;
    point_at_table(r, type);
    BDA->floppy_status = OK;
    set_cf(r, 0);
}

/* AH=17h: 1 360K in 360K, 2 360K in 1.2M, 3 1.2M in 1.2M, 4 720K. */
static u8 set_type(struct regs *r, u8 unit)
{
    static const u8 states[] = {
        0, 2 << 6 | KNOWN | 3, 1 << 6 | DOUBLE_STEP | KNOWN | 4, 0 << 6 | KNOWN | 5, 2 << 6 | KNOWN | 7,
    };
    if (!r->al || r->al >= COUNT(states))
        return BAD_COMMAND;
    motor(unit, 0);
    u8 s = check_change(unit);
    if (s == TIMED_OUT)
        return s;
    BDA->floppy_state[unit] = states[r->al];
    return OK;
}

/* AH=18h: is there a way to format CH+1 tracks of CL sectors in this drive? */
static u8 set_media(struct regs *r, u8 unit)
{
    static const struct { u8 drive, medium, tracks, state; } ways[] = {
        { T_360K, T_360K, 40, 2 << 6 | KNOWN | 3 }, { T_1200K, T_1200K, 80, 0 << 6 | KNOWN | 5 },
        { T_1200K, T_360K, 40, 1 << 6 | DOUBLE_STEP | KNOWN | 4 }, { T_720K, T_720K, 80, 2 << 6 | KNOWN | 7 },
        { T_1440K, T_1440K, 80, 0 << 6 | KNOWN | 7 }, { T_1440K, T_720K, 80, 2 << 6 | KNOWN | 7 },
        { T_2880K, T_2880K, 80, 3 << 6 | KNOWN | 7 }, { T_2880K, T_1440K, 80, 0 << 6 | KNOWN | 7 },
        { T_2880K, T_720K, 80, 2 << 6 | KNOWN | 7 },
    };
    u8 type = floppy_type(unit);
    for (u32 k = 0; k < COUNT(ways); k++) {
        if (ways[k].drive != type || r->ch + 1 != ways[k].tracks || (r->cl & 63) != kinds[ways[k].medium].sectors)
            continue;
        motor(unit, 0);
        u8 s = check_change(unit);
        if (s == TIMED_OUT)
            return s;
        BDA->floppy_state[unit] = ways[k].state;
        point_at_table(r, ways[k].medium);
        return OK;
    }
    return UNKNOWN_MEDIA;
}

static u8 change_status(u8 unit)
{
    u8 type = floppy_type(unit);
    if (!kinds[type].change_line)
        return DISK_CHANGED;                            /* it could have been */
    motor(unit, 0);
    return check_change(unit);
}

void int13_floppy(struct regs *r, u8 unit)
{
    u8 s = BAD_COMMAND, type = unit < 2 ? floppy_type(unit) : T_NONE;
    switch (r->ah) {
    case 0x00:
        s = floppy_count() ? reset() : TIMED_OUT;
        break;
    case 0x01:
        r->ah = BDA->floppy_status;
        set_cf(r, r->ah != 0);
        return;
    case 0x08:
        parameters(r, unit);
        return;
    case 0x15:
        BDA->floppy_status = OK;
        r->ah = type == T_NONE ? 0 : kinds[type].change_line ? 2 : 1;
        set_cf(r, 0);
        return;
    case 0x02: case 0x03: case 0x04:
        if (type != T_NONE)
            s = transfer(r, unit);
        else
            r->al = 0, s = unit < 2 ? TIMED_OUT : BAD_COMMAND;
        break;
    case 0x05: s = type != T_NONE ? format(r, unit) : TIMED_OUT; break;
    case 0x16: s = type != T_NONE ? change_status(unit) : TIMED_OUT; break;
    case 0x17: s = type != T_NONE ? set_type(r, unit) : TIMED_OUT; break;
    case 0x18: s = type != T_NONE ? set_media(r, unit) : TIMED_OUT; break;
    }
    if (floppy_count())
        motor_release();
    BDA->floppy_status = s;
    r->ah = s;
    set_cf(r, s != OK);
}

void int40(struct regs *r) { int13_floppy(r, r->dl); }

/* IRQ 6: the flag 40:3E bit 7, and who waits in INT 15h AH=91h. */
void int0e(struct regs *r)
{
    struct regs call;
    (void)r;
    BDA->floppy_recal |= IRQ_SEEN;
    eoi1();
    memset(&call, 0, sizeof call);
    call.ax = 0x9101;
    intcall(0x15, &call);
}

/* 40:8F: what the drives can, bits 0-2 for A:, 4-6 for B: (change line, more than one rate, known). */
void floppy_init(void)
{
    u8 types = 0;
    for (u8 unit = 0; unit < 2; unit++) {
        u8 type = floppy_type(unit);
        if (type != T_NONE)
            types |= (4 | (kinds[type].rates[1] != 0xFF ? 2 : 0) | kinds[type].change_line) << (4 * unit);
    }
    BDA->floppy_types = types;
    u16 word = BDA->equipment & ~0xC1;
    if (floppy_count())
        word |= 1 | (floppy_count() - 1) << 6;
    BDA->equipment = word;
    u8 type = floppy_type(0) != T_NONE ? floppy_type(0) : floppy_type(1);
    if (type == T_NONE)
        return;
    if (type != T_1440K)
        ivt_set(0x1E, RUNTIME_SEG, (u16)(u32)kinds[type].table);
    irq_unmask(6);
    if (reset() != OK)
        print("The floppy controller does not answer.\n");
    for (u8 unit = 0; unit < 2; unit++)             /* the change line after power-on is not a change */
        if (floppy_type(unit) != T_NONE && recalibrate(unit) == OK)
            check_change(unit);
    outb(DOR, DMA_GATE | NOT_IN_RESET);
    BDA->floppy_motor = 0;
}
