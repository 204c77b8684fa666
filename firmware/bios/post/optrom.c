/* Option ROMs: from fw_cfg, from PCI ROM registers, and what lies in the bus at C0000h-DFFFFh already.
 *
 * C0000h-DFFFFh becomes RAM; images are copied there on 2 KiB boundaries from C0000h, the display's first, and their
 * initialisation entry is called. PnP headers tell which want to boot (BCV, BEV).
 * Spec: PCI 2.1 chapter 6.3; Plug and Play BIOS 1.0A chapter 3; BIOS Boot Specification 1.01.
 */
#include "post.h"

#define FIRST 0xC0000
#define LAST 0xE0000

struct header { u16 signature; u8 blocks; u8 code[0x15]; u16 pcir, pnp; } PACKED;
struct pcir {
    char signature[4];
    u16 vendor, device, vpd, length;
    u8 revision, class[3];
    u16 blocks, level;
    u8 type, last;
} PACKED;
struct pnp {
    char signature[4];
    u8 revision, length;
    u16 next;
    u8 pad, sum;
    u32 id;
    u16 manufacturer, product;
    u8 class[3], indicators;
    u16 bcv, disconnect, bev, pad2, resources;
} PACKED;

extern u8 r16_pam_saved[4];

static u32 next_rom = FIRST;

static void set_pam(u8 segments)
{
    for (u32 k = 0; k < 4; k++) {                   /* 5Ah-5Dh: C0000h-DFFFFh, two segments of 16 KiB each */
        r16_pam_saved[k] = segments;
        pci_write8(0, 0x5A + k, segments);
    }
}

static int is_440fx(void)
{
    return S.has_pci && pci_read32(0, 0) == 0x12378086;
}

/* Keep images that answer on the bus before RAM covers them. */
void roms_prepare(void)
{
    u8 *keep = NULL;
    u32 end = FIRST;
    if (!is_440fx())
        return;
    set_pam(0x00);                                  /* what is there, not the copies of the time before a reset: QEMU keeps PAM */
    for (u32 at = FIRST; at < LAST;) {
        struct header *h = (struct header *)at;
        if (h->signature != 0xAA55 || !h->blocks || sum8(h, h->blocks * 512)) {
            at += 2048;
            continue;
        }
        at += (h->blocks * 512 + 2047) & -2048;
        end = at;
    }
    if (end > FIRST && S.ram_below > 4 << 20) {
        keep = (u8 *)(2 << 20);
        memcpy(keep, (void *)FIRST, end - FIRST);
    }
    set_pam(0x33);
    memset((void *)FIRST, 0, LAST - FIRST);
    if (keep) {
        memcpy((void *)FIRST, keep, end - FIRST);
        memset(keep, 0, end - FIRST);
    }
}

static void init_rom(u32 at, u16 bdf, int display)
{
    struct header *h = (struct header *)at;
    u16 seg = at >> 4;
    struct pnp *pnp = (struct pnp *)(at + h->pnp);
    int is_pnp = h->pnp >= 0x1A && h->pnp + sizeof *pnp <= h->blocks * 512u && !memcmp(pnp->signature, "$PnP", 4);
    struct regs r;
    memset(&r, 0, sizeof r);
    r.ax = bdf;
    r.bx = r.dx = 0xFFFF;
    r.es = FIXED_SEG;
    r.di = pnp_offset();
    debug("rom %04x:0003, %u bytes, for %04x%s\n", seg, h->blocks * 512, bdf, is_pnp ? ", PnP" : "");
    call_far(seg, 3, &r);
    next_rom = (at + h->blocks * 512 + 2047) & -2048;
    if (is_pnp && !display && (pnp->bcv || pnp->bev) && S.n_roms < ROM_MAX) {
        struct rom_entry *e = &S.roms[S.n_roms++];
        e->seg = seg;
        e->bcv = pnp->bcv;
        e->bev = pnp->bev;
        e->product = pnp->product;
        e->bdf = bdf ? bdf : 0xFFFF;
    }
}

/* Room for `bytes` at the next boundary, 0 if there is none. */
static u32 room(u32 bytes)
{
    if (bytes > LAST - next_rom) {
        debug("rom of %u bytes: no room left\n", bytes);
        return 0;
    }
    return next_rom;
}

static int good(const struct header *h)
{
    return h->signature == 0xAA55 && h->blocks && !sum8(h, h->blocks * 512);
}

static void from_fwcfg(const char *folder, int display)
{
    struct fwcfg_file file;
    for (u32 n = 0; fwcfg_file(folder, 0, n, &file); n++) {
        u32 at = file.size < sizeof(struct header) ? 0 : room(file.size);
        if (!at)
            continue;
        fwcfg_read(file.key, (void *)at, file.size);
        struct header *h = (struct header *)at;
        if (h->signature != 0xAA55 || !h->blocks || h->blocks * 512 > ((file.size + 511) & ~511u)) {
            debug("%s is no option ROM\n", file.name);
            memset((void *)at, 0, file.size);
            continue;
        }
        init_rom(at, 0, display);
    }
}

/* The x86 image for this function in its ROM, copied; 0 if it has none. */
static int from_pci(struct pci_function *f, int display)
{
    if (!f->rom_reg)
        return 0;
    u32 base = pci_read32(f->bdf, f->rom_reg) & 0xFFFFF800;
    if (!base)
        return 0;
    pci_write32(f->bdf, f->rom_reg, base | 1);
    int done = 0;
    for (u32 image = base;;) {
        struct header *h = (struct header *)image;
        if (h->signature != 0xAA55)
            break;
        struct pcir *p = (struct pcir *)(image + h->pcir);
        int listed = h->pcir >= 0x18 && !(h->pcir & 3) && !memcmp(p->signature, "PCIR", 4);
        if (!listed || (p->type == 0 && p->vendor == f->vendor && (p->device == f->device || !h->pcir))) {
            u32 bytes = h->blocks * 512, at = room(bytes);
            if (at && bytes) {
                memcpy((void *)at, h, bytes);
                if (good((struct header *)at)) {
                    pci_write32(f->bdf, f->rom_reg, base);
                    init_rom(at, f->bdf, display);
                    done = 1;
                } else {
                    debug("rom of %02x:%02x.%u: bad checksum\n", f->bdf >> 8, f->bdf >> 3 & 31, f->bdf & 7);
                    memset((void *)at, 0, bytes);
                }
            }
            break;
        }
        if (p->last & 0x80 || !p->blocks)
            break;
        image += p->blocks * 512;
    }
    pci_write32(f->bdf, f->rom_reg, base);
    return done;
}

static u16 display;

void roms_vga(void)
{
    from_fwcfg("vgaroms/", 1);
    for (u32 k = 0; k < n_pci_functions; k++)
        if (pci_functions[k].class >> 8 == 0x0300 || pci_functions[k].class >> 8 == 0x0001) {
            display = pci_functions[k].bdf;
            if (next_rom == FIRST && !good((struct header *)FIRST))
                from_pci(&pci_functions[k], 1);
            break;
        }
    if (next_rom == FIRST && good((struct header *)FIRST))
        init_rom(FIRST, display, 1);
    S.has_display = next_rom > FIRST;
    struct regs r;
    memset(&r, 0, sizeof r);
    r.ax = 0x0003;
    call_int(0x10, &r);
}

void roms_rest(void)
{
    for (u32 at = next_rom; at < LAST; at += 2048) {      /* those that were on the bus */
        if (!good((struct header *)at))
            continue;
        init_rom(at, 0, 0);
        at = next_rom - 2048;
    }
    for (u32 k = 0; k < n_pci_functions; k++)
        if (pci_functions[k].bdf != display || !S.has_display)
            if (pci_functions[k].class >> 8 != 0x0300)
                from_pci(&pci_functions[k], 0);
    from_fwcfg("genroms/", 0);
}

/* Images become read-only, the rest of the area stays RAM; so does E0000h, where the runtime lives; F0000h does not. */
void roms_done(void)
{
    real_data = 0x20;                               /* the boot begins with limits of 64 KiB */
    if (!is_440fx())
        return;
    for (u32 k = 0; k < 8; k += 2) {
        u32 at = FIRST + k * 0x4000;
        u8 low = at < next_rom ? 1 : 3, high = at + 0x4000 < next_rom ? 1 : 3;
        r16_pam_saved[k / 2] = low | high << 4;
        pci_write8(0, 0x5A + k / 2, low | high << 4);
    }
    pci_write8(0, 0x59, 0x10);
}
