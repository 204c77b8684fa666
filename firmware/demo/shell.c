/* The demo guest's commands. */
#include "demo.h"

static void cpuid(u32 leaf, u32 *r)
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static void cmd_help(void)
{
    print("help      this list\n"
          "mem       memory and page use\n"
          "ps        the tasks\n"
          "cpu       what CPUID says\n"
          "fault     start a task that writes to a page it does not have\n"
          "reboot    reset the machine\n"
          "poweroff  switch it off (ACPI)\n");
}

static void cmd_mem(void)
{
    print("%u KiB of memory, %u of %u kernel pool pages in use\n", mem_kib, pages_used, pages_total);
}

static void cmd_ps(void)
{
    print("pid ring name        ticks   report\n");
    for (int i = 0; i < MAX_TASKS; i++)
        if (tasks[i].alive)
            print("%3d    %c %s %u %8u\n", tasks[i].pid, tasks[i].user ? '3' : '0', tasks[i].name, tasks[i].ticks,
                  tasks[i].report);
    print("%u ticks at %d Hz, %u switches\n", jiffies, HZ, switches);
}

static void cmd_cpu(void)
{
    static const char *const names[32] = {
        "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", 0, "sep", "mtrr", "pge", "mca", "cmov",
        "pat", "pse36", 0, "clflush", 0, 0, 0, "mmx", "fxsr", "sse", "sse2"};
    u32 r[4];
    char text[49];
    cpuid(0, r);
    u32 vendor[3] = {r[1], r[3], r[2]}, max = r[0];
    for (int i = 0; i < 12; i++)
        text[i] = (char)(vendor[i / 4] >> (i % 4 * 8));
    text[12] = 0;
    print("%s", text);
    cpuid(1, r);
    u32 sign = r[0], edx = r[3];
    print(" family %u model %u stepping %u, %u leaves\n", sign >> 8 & 15, sign >> 4 & 15, sign & 15, max);
    cpuid(0x80000000, r);
    if (r[0] >= 0x80000004) {
        for (u32 i = 0; i < 3; i++)
            cpuid(0x80000002 + i, (u32 *)(void *)text + 4 * i);
        text[48] = 0;
        print("%s\n", text);
    }
    for (int i = 0; i < 32; i++)
        if (edx >> i & 1 && names[i])
            print("%s ", names[i]);
    print("\n");
}

static int is(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

void shell_line(char *line)
{
    while (*line == ' ')
        line++;
    int n = 0;
    while (line[n])
        n++;
    while (n && line[n - 1] == ' ')
        line[--n] = 0;
    if (!*line)
        return;
    if (is(line, "help"))
        cmd_help();
    else if (is(line, "mem"))
        cmd_mem();
    else if (is(line, "ps"))
        cmd_ps();
    else if (is(line, "cpu"))
        cmd_cpu();
    else if (is(line, "fault"))
        print(spawn_fault() ? "started\n" : "no free task\n");
    else if (is(line, "reboot")) {
        print("rebooting\n");
        machine_reboot();
    } else if (is(line, "poweroff")) {
        print("power off\n");
        acpi_poweroff();
        print("no ACPI: switch off yourself\n");
    } else
        print("%s: no such command; try help\n", line);
}
