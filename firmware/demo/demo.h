/* Shared by the parts of the demo guest. */
#ifndef DEMO_H
#define DEMO_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p)); }
static inline void outw(u16 p, u16 v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u16 inw(u16 p) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }

/* console.c: serial port and VGA text memory show the same */
void console_init(void);
void print(const char *fmt, ...);       /* %s %d %u %x %c, a width after % pads with blanks */
int console_key(void);                  /* next typed byte, or -1 */
void console_irq(int line);             /* IRQ 1 keyboard, IRQ 4 serial */

/* acpi.c */
int acpi_poweroff(void);                /* returns only if there is no ACPI */
void machine_reboot(void);

/* shell.c */
void shell_line(char *line);

/* kernel.c */
struct task {
    int pid, alive, user;
    const char *name;
    u32 esp, cr3, kstack_top, ticks, report;
};
extern struct task tasks[];
enum { MAX_TASKS = 6, HZ = 100 };
extern volatile u32 jiffies;
extern u32 mem_kib, pages_used, pages_total, switches;
int spawn_fault(void);
#endif
