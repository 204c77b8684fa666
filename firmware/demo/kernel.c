/* The demo guest: paging, preemptive tasks in ring 3 with their own address spaces, a shell in ring 0.
 *
 * Memory: the first 16 MiB identity-mapped for ring 0 in every space; user programs at 40000000h, their stack
 * page below 40002000h. Page frames come from a pool behind the kernel.
 */
#include "demo.h"

struct frame {                  /* what trap_entry pushes, then what the processor pushed */
    u32 es, ds, edi, esi, ebp, esp_dummy, ebx, edx, ecx, eax;
    u32 vector, error, eip, cs, eflags, user_esp, user_ss;
};

enum { PAGE = 4096, USER_TEXT = 0x40000000, USER_STACK = 0x40001000, USER_TOP = 0x40002000, IDENTITY = 16 << 20 };
enum { P = 1, W = 2, U = 4 };

extern char kernel_end[], user_prime[], user_collatz[], user_fault[], user_end[];
extern u32 isr_table[];
extern u64 gdt_tss;
void enter_first(struct frame *f) __attribute__((noreturn));

struct task tasks[MAX_TASKS];
volatile u32 jiffies;
u32 mem_kib, pages_used, pages_total, switches;
static int current;
static u8 *pool;
static u8 pool_used[256];
static u32 kernel_cr3;
static u32 tss[26];
static u64 idt[256];

static u32 *page_new(void)
{
    for (u32 i = 0; i < pages_total; i++)
        if (!pool_used[i]) {
            u32 *p = (u32 *)(pool + i * PAGE);
            pool_used[i] = 1;
            pages_used++;
            for (u32 k = 0; k < PAGE / 4; k++)
                p[k] = 0;
            return p;
        }
    return 0;
}

static void page_free(u32 pa)
{
    pool_used[(pa - (u32)pool) / PAGE] = 0;
    pages_used--;
}

/* A directory that shares the kernel's page tables; text, with a length, gets its own page and a stack. */
static u32 space_new(const char *text, u32 len)
{
    u32 *dir = page_new();
    for (u32 i = 0; i < IDENTITY >> 22; i++)
        dir[i] = ((u32 *)kernel_cr3)[i];
    u32 *table = page_new();
    u8 *code = (u8 *)page_new();
    for (u32 i = 0; i < len; i++)
        code[i] = (u8)text[i];
    dir[USER_TEXT >> 22] = (u32)table | P | W | U;
    table[0] = (u32)code | P | U;
    table[1] = (u32)page_new() | P | W | U;
    return (u32)dir;
}

static void space_free(u32 cr3)
{
    u32 table = ((u32 *)cr3)[USER_TEXT >> 22] & ~0xFFFu;
    page_free(((u32 *)table)[0] & ~0xFFFu);
    page_free(((u32 *)table)[1] & ~0xFFFu);
    page_free(table);
    page_free(cr3);
}

static int spawn(const char *name, u32 entry, u32 cr3)
{
    int user = cr3 != kernel_cr3;
    for (int i = 0; i < MAX_TASKS; i++) {
        struct task *t = &tasks[i];
        if (t->alive)
            continue;
        if (!t->kstack_top)
            t->kstack_top = (u32)page_new() + PAGE;
        struct frame *f = (struct frame *)(t->kstack_top - sizeof *f);
        for (u32 k = 0; k < sizeof *f / 4; k++)
            ((u32 *)f)[k] = 0;
        f->ds = f->es = f->user_ss = user ? 0x23 : 0x10;
        f->cs = user ? 0x1B : 0x08;
        f->eip = entry;
        f->eflags = 0x202;
        f->user_esp = USER_TOP;
        *t = (struct task){i, 1, user, name, (u32)f, cr3, t->kstack_top, 0, 0};
        return i;
    }
    return -1;
}

int spawn_fault(void)
{
    for (int i = 0; i < MAX_TASKS; i++)
        if (!tasks[i].alive)
            return spawn("fault  ", USER_TEXT, space_new(user_fault, (u32)(user_end - user_fault))) >= 0;
    return 0;
}

static void kill_current(void)
{
    tasks[current].alive = 0;
    __asm__ volatile("mov %0, %%cr3" : : "r"(kernel_cr3) : "memory");
    space_free(tasks[current].cr3);
}

/* The next task that is alive; the shell (0) always is. */
static struct frame *switch_task(struct frame *f)
{
    int next = current;
    tasks[current].esp = (u32)f;
    do
        next = (next + 1) % MAX_TASKS;
    while (!tasks[next].alive);
    if (next != current) {
        switches++;
        current = next;
        tss[1] = tasks[next].kstack_top;
        __asm__ volatile("mov %0, %%cr3" : : "r"(tasks[next].cr3) : "memory");
    }
    return (struct frame *)tasks[next].esp;
}

static struct frame *exception(struct frame *f)
{
    u32 cr2;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    print("\n%s: exception %u, error %x, eip %8x", tasks[current].name, f->vector, f->error, f->eip);
    if (f->vector == 14)
        print(", address %8x", cr2);
    print("\n");
    if (!(f->cs & 3)) {
        print("in the kernel: halted\n");
        for (;;)
            __asm__ volatile("cli; hlt");
    }
    print("task %d killed\n> ", tasks[current].pid);
    kill_current();
    return switch_task(f);
}

struct frame *trap(struct frame *f)
{
    if (f->vector < 32)
        return exception(f);
    if (f->vector == 48) {
        if (f->eax == 1)
            tasks[current].report = f->ebx;
        else if (f->eax == 2) {
            kill_current();
            return switch_task(f);
        }
        return f;
    }
    u32 irq = f->vector - 32;
    if (irq == 7) {             /* spurious? */
        outb(0x20, 0x0B);
        if (!(inb(0x20) & 0x80))
            return f;
    }
    if (irq >= 8)
        outb(0xA0, 0x20);
    outb(0x20, 0x20);
    if (irq == 0) {
        jiffies++;
        tasks[current].ticks++;
        return switch_task(f);
    }
    console_irq((int)irq);
    return f;
}

static void gate(int vector, u32 handler, u32 dpl)
{
    idt[vector] = (u64)(handler >> 16 << 16 | 0x8E00u | dpl << 13) << 32 | 0x80000u | (handler & 0xFFFF);
}

static void tables_init(void)
{
    for (int i = 0; i < 48; i++)
        gate(i, isr_table[i], 0);
    gate(0x80, isr_table[48], 3);
    struct { u16 limit; u32 base; } __attribute__((packed)) idtr = {sizeof idt - 1, (u32)idt};
    __asm__ volatile("lidt %0" : : "m"(idtr));
    u32 base = (u32)tss;
    tss[2] = 0x10;
    tss[25] = 104u << 16;
    gdt_tss = (u64)(base >> 24 << 24 | 0x8900u | (base >> 16 & 0xFF)) << 32 | base << 16 | (sizeof tss - 1);
    __asm__ volatile("ltr %w0" : : "r"(0x28));
}

static void paging_init(void)
{
    pool = (u8 *)(((u32)kernel_end + PAGE - 1) & ~(u32)(PAGE - 1));
    pages_total = sizeof pool_used;
    u32 *dir = page_new();
    kernel_cr3 = (u32)dir;
    for (u32 pa = 0; pa < IDENTITY; pa += PAGE) {
        u32 *table = (u32 *)(dir[pa >> 22] & ~0xFFFu);
        if (!table)
            dir[pa >> 22] = (u32)(table = page_new()) | P | W | U;
        table[pa >> 12 & 1023] = pa | P | W;
    }
    __asm__ volatile("mov %0, %%cr3; mov %%cr0, %%eax; or $0x80010000, %%eax; mov %%eax, %%cr0"
                     : : "r"(kernel_cr3) : "eax", "memory");
}

/* ACPI tables may lie anywhere: map the pages poweroff asks for one to one, at the top of memory too. */
static void map_acpi(void)
{
    u32 top = (mem_kib << 10) & ~0x3FFFFFu;
    for (u32 pa = top; pa - top < 8u << 20; pa += PAGE) {
        u32 *dir = (u32 *)kernel_cr3;
        if (pa < IDENTITY)
            continue;
        if (!dir[pa >> 22])
            dir[pa >> 22] = (u32)page_new() | P | W;
        ((u32 *)(dir[pa >> 22] & ~0xFFFu))[pa >> 12 & 1023] = pa | P;
    }
}

static void irq_init(void)
{
    u32 divisor = 1193182 / HZ;
    outb(0x20, 0x11), outb(0x21, 32), outb(0x21, 4), outb(0x21, 1);
    outb(0xA0, 0x11), outb(0xA1, 40), outb(0xA1, 2), outb(0xA1, 1);
    outb(0x21, (u8)~0x13), outb(0xA1, 0xFF);
    outb(0x43, 0x34), outb(0x40, (u8)divisor), outb(0x40, (u8)(divisor >> 8));
}

static void shell(void)
{
    static char line[80];
    int n = 0;
    print("> ");
    for (;;) {
        int c = console_key();
        if (c < 0) {
            __asm__ volatile("hlt");
            continue;
        }
        if (c == '\r' || c == '\n') {
            print("\n");
            line[n] = 0;
            shell_line(line);
            n = 0;
            print("> ");
        } else if (c == '\b' || c == 127) {
            if (n) {
                n--;
                print("\b \b");
            }
        } else if (c >= ' ' && c < 127 && n < (int)sizeof line - 1) {
            line[n++] = (char)c;
            print("%c", c);
        }
    }
}

struct multiboot { u32 flags, mem_lower, mem_upper; };

void kmain(u32 magic, const struct multiboot *mb)
{
    console_init();
    print("emu demo guest\n");
    if (magic != 0x2BADB002 || !(mb->flags & 1)) {
        print("not started by a Multiboot loader\n");
        for (;;)
            __asm__ volatile("cli; hlt");
    }
    mem_kib = mb->mem_upper + 1024;
    tables_init();
    paging_init();
    map_acpi();
    irq_init();
    console_irq(4), console_irq(1);     /* what came before the 8259s were ready raised its lines unseen */
    spawn("shell  ", (u32)shell, kernel_cr3);
    spawn("prime  ", USER_TEXT, space_new(user_prime, (u32)(user_collatz - user_prime)));
    spawn("collatz", USER_TEXT, space_new(user_collatz, (u32)(user_fault - user_collatz)));
    print("paging on, %d tasks, timer at %d Hz; type help\n", 3, HZ);
    tss[1] = tasks[0].kstack_top;
    enter_first((struct frame *)tasks[0].esp);
}
