/* The boot menu: F12 (or Esc while it is offered), then a number.
 *
 * fw_cfg key 0Eh not 0 (QEMU's -boot menu=on) offers it for etc/boot-menu-wait milliseconds; otherwise F12 pressed
 * before is honoured without waiting.
 */
#include "boot.h"
#include "keyboard.h"

#define DEFAULT_WAIT_MS 2500
#define KEY_ESC 0x011B
#define KEY_F12 0x8600
#define KEY_BOOT_MENU 0x0E

static int is_key(u16 key, int offered)
{
    return key == KEY_F12 || (offered && key == KEY_ESC);
}

/* All keys so far, or all that come within the time. */
static int asked(int offered, u32 ms)
{
    struct patience p;
    u16 key;
    patience_ms(&p, ms);
    do {
        while (keyboard_peek(&key)) {
            keyboard_drop();
            if (is_key(key, offered))
                return 1;
        }
        if (!(inb(0x21) & 1)) {
            u32 now = pm_ticks(), d = (now - p.last) & 0xFFFFFF;
            if (!shared.pm_base)
                continue;
            p.last = now;
            if (d >= p.left)
                return 0;
            p.left -= d;
            irq_wait();
            continue;
        }
    } while (!patience_over(&p));
    return 0;
}

static u8 choose(void)
{
    u16 key;
    for (;;) {
        while (!keyboard_peek(&key))
            irq_wait();
        keyboard_drop();
        char c = key;
        u8 n = c >= '1' && c <= '9' ? c - '1' : (c | 32) >= 'a' && (c | 32) <= 'z' ? (c | 32) - 'a' + 9 : 0xFF;
        if (n < n_boot_entries)
            return n;
        if (key == KEY_ESC || c == '\r')
            return 0xFF;
    }
}

static void show(void)
{
    char name[72];
    print("\nBoot from:\n\n");
    for (u8 k = 0; k < n_boot_entries; k++) {
        boot_name(&boot_entries[k], name, sizeof name);
        print("  %c  %s\n", k < 9 ? '1' + k : 'a' + k - 9, name);
    }
    print("\nEsc or Enter: the usual order.  ");
    u8 n = choose();
    print("\n\n");
    if (n != 0xFF)
        boot_first(n);
}

void boot_menu(void)
{
    u16 wanted = 0;
    boot_list();
    if (shared.has_fwcfg) {
        fwcfg_select(KEY_BOOT_MENU);
        fwcfg_read(&wanted, 2);
    }
    if (wanted && n_boot_entries) {
        u32 ms = fwcfg_number("etc/boot-menu-wait", DEFAULT_WAIT_MS);
        char message[80];
        u32 n = fwcfg_file("etc/boot-menu-message", message, sizeof message - 1);
        message[n < sizeof message ? n : sizeof message - 1] = 0;
        print("%s\n", n ? message : "Press F12 or Esc for the boot menu.");
        if (asked(1, ms))
            show();
    } else if (n_boot_entries && asked(0, 0)) {
        show();
    }
    print("\n");
    boot_finish();
}
