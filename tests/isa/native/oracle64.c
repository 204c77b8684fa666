/* The host processor as an oracle for user-mode 64-bit instructions; driven by tests/isa/oracle64.py.
 *
 * Reads batches from stdin, writes results to stdout.  A batch is a Header and n In records; each record's
 * code bytes are put at CODE, followed by a jump to the exit stub, and executed with the given registers.
 * What raises a signal (faults, INT3, jumps that miss the stub) is reported with the vector the processor had.
 *
 *   CODE    0x30000800  code bytes, then JMP exit; the rest of its pages is INT3
 *   WINDOW  0x20000000  8 KiB read/write, unmapped on both sides: the record's window bytes lie at
 *                       win_off, the rest keeps what earlier cases left there
 *   ROM     0x20004000  4 KiB read-only, zero
 *   BUFFERS 0x5A5A50000000 the batches; nothing else is mapped or unmapped after the first of them, and addresses are not random
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE_PAGE 0x30000000u
#define CODE 0x30000800u
#define WINDOW 0x20000000u
#define ROM 0x20004000u
#define BUFFERS 0x5A5A50000000u
#define BUFFER_SIZE 0x6000000u
#define MAGIC 0x4f524331u
#define EFLAGS_SETTABLE 0x00240CD5u     /* CF PF AF ZF SF DF OF AC ID */
#define VEC_NONE (-1)
#define VEC_TIMEOUT 254

struct header { uint32_t magic, n, win_off, win_len, has_fx; };

struct in {
    uint8_t code[24];
    uint32_t code_len, pad;
    uint64_t gpr[16];
    uint64_t rflags;
};                                      /* then fx[512] if has_fx, window[win_len] */

struct out {
    uint64_t gpr[16];
    uint64_t rflags;
    uint64_t rip;                       /* minus CODE */
    uint64_t cr2;
    int32_t vec;                        /* -1: ran to the stub */
    uint32_t err;
};                                      /* then fx, window */

/* Named by the assembly below. */
uint64_t in_gpr[16], in_eflags, out_gpr[16], out_eflags, host_rsp, code_at = CODE;
uint32_t use_fx;
uint8_t fx_in[512] __attribute__((aligned(64))), fx_out[512] __attribute__((aligned(64)));
uint32_t clean_mxcsr = 0x1f80;
void run_case(void), exit_stub(void), resume(void);

__asm__(
    ".text\n.globl run_case, exit_stub, resume\n"
    "run_case:\n"
    "  pushq %rbx\n  pushq %rbp\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, host_rsp\n"
    "  cmpl $0, use_fx\n"
    "  je 1f\n"
    "  fxrstor64 fx_in\n"
    "1: pushq in_eflags\n"
    "  popfq\n"
    "  movq in_gpr+0, %rax\n"
    "  movq in_gpr+8, %rcx\n"
    "  movq in_gpr+16, %rdx\n"
    "  movq in_gpr+24, %rbx\n"
    "  movq in_gpr+32, %rsp\n"
    "  movq in_gpr+40, %rbp\n"
    "  movq in_gpr+48, %rsi\n"
    "  movq in_gpr+56, %rdi\n"
    "  movq in_gpr+64, %r8\n"
    "  movq in_gpr+72, %r9\n"
    "  movq in_gpr+80, %r10\n"
    "  movq in_gpr+88, %r11\n"
    "  movq in_gpr+96, %r12\n"
    "  movq in_gpr+104, %r13\n"
    "  movq in_gpr+112, %r14\n"
    "  movq in_gpr+120, %r15\n"
    "  jmp *code_at\n"
    "exit_stub:\n"
    "  movq %rax, out_gpr+0\n"
    "  movq %rcx, out_gpr+8\n"
    "  movq %rdx, out_gpr+16\n"
    "  movq %rbx, out_gpr+24\n"
    "  movq %rsp, out_gpr+32\n"
    "  movq %rbp, out_gpr+40\n"
    "  movq %rsi, out_gpr+48\n"
    "  movq %rdi, out_gpr+56\n"
    "  movq %r8, out_gpr+64\n"
    "  movq %r9, out_gpr+72\n"
    "  movq %r10, out_gpr+80\n"
    "  movq %r11, out_gpr+88\n"
    "  movq %r12, out_gpr+96\n"
    "  movq %r13, out_gpr+104\n"
    "  movq %r14, out_gpr+112\n"
    "  movq %r15, out_gpr+120\n"
    "  movq host_rsp, %rsp\n"
    "  pushfq\n"
    "  popq out_eflags\n"
    "  pushq $0x202\n"
    "  popfq\n"
    "  cmpl $0, use_fx\n"
    "  je resume\n"
    "  fxsave64 fx_out\n"
    "resume:\n"
    "  cmpl $0, use_fx\n"
    "  je 2f\n"
    "  fninit\n"
    "  ldmxcsr clean_mxcsr\n"
    "2: popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbp\n  popq %rbx\n"
    "  ret\n");

static struct out result;
static volatile uint32_t cases_done, running;

static void take(ucontext_t *u, int vec)
{
    static const int order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    greg_t *g = u->uc_mcontext.gregs;
    for (int k = 0; k < 16; k++)
        out_gpr[k] = g[order[k]];
    out_eflags = g[REG_EFL];
    result.rip = g[REG_RIP] - CODE;
    result.vec = vec;
    result.err = g[REG_ERR];
    result.cr2 = vec == 14 ? g[REG_CR2] : 0;
    if (use_fx && u->uc_mcontext.fpregs)
        memcpy(fx_out, u->uc_mcontext.fpregs, 464);
    g[REG_RIP] = (uintptr_t)resume;
    g[REG_RSP] = host_rsp;
    g[REG_EFL] = 0x202;
    running = 0;
}

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    ucontext_t *u = uc;
    __asm__ volatile("pushq $0x202; popfq" ::: "cc", "memory");     /* AC may be set */
    if (!running) {
        fprintf(stderr, "oracle: signal %d at %llx outside a case\n", sig, (long long)u->uc_mcontext.gregs[REG_RIP]);
        _exit(2);
    }
    take(u, u->uc_mcontext.gregs[REG_TRAPNO]);
}

static void on_alarm(int sig, siginfo_t *si, void *uc)
{
    static uint32_t last = ~0u;
    uint64_t rip = ((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
    if (running && last == cases_done && rip - CODE_PAGE < 0x2000)
        take(uc, VEC_TIMEOUT);
    last = cases_done;
}

static void map(uint64_t at, uint32_t size, int prot)
{
    int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (size > 0x10000 ? MAP_NORESERVE : MAP_POPULATE);
    if (mmap((void *)at, size, prot, how, -1, 0) == MAP_FAILED) {
        perror("oracle: mmap");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static uint8_t altstack[65536] __attribute__((aligned(64)));
    stack_t ss = { .ss_sp = altstack, .ss_size = sizeof altstack };
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    struct itimerval tick = { { 0, 200000 }, { 0, 200000 } };
    static char in_buffer[1 << 18], out_buffer[1 << 18];
    struct header h;

    if (!(personality(0xFFFFFFFF) & ADDR_NO_RANDOMIZE) && personality(ADDR_NO_RANDOMIZE) != -1)
        execv("/proc/self/exe", argv);      /* where that is not allowed addresses stay random, which does not hurt */
    map(CODE_PAGE, 0x2000, PROT_READ | PROT_WRITE | PROT_EXEC);
    memset((void *)(uintptr_t)CODE_PAGE, 0xCC, 0x2000);
    map(WINDOW - 0x1000, 0x1000, PROT_NONE);
    map(WINDOW, 0x2000, PROT_READ | PROT_WRITE);
    map(WINDOW + 0x2000, 0x2000, PROT_NONE);
    map(ROM, 0x1000, PROT_READ);
    map(ROM + 0x1000, 0x1000, PROT_NONE);
    map(BUFFERS, 2 * BUFFER_SIZE, PROT_READ | PROT_WRITE);
    sigaltstack(&ss, NULL);
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGALRM);
    for (unsigned k = 0; k < sizeof sigs / sizeof *sigs; k++)
        sigaction(sigs[k], &sa, NULL);
    sa.sa_sigaction = on_alarm;
    sa.sa_flags |= SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    setvbuf(stdin, in_buffer, _IOFBF, sizeof in_buffer);
    setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);

    while (fread(&h, sizeof h, 1, stdin) == 1) {
        if (h.magic != MAGIC || h.win_off + h.win_len > 0x2000) {
            fprintf(stderr, "oracle: bad header\n");
            return 2;
        }
        size_t extra = (h.has_fx ? 512 : 0) + h.win_len;
        size_t in_size = sizeof(struct in) + extra, out_size = sizeof(struct out) + extra;
        uint8_t *in = (uint8_t *)(uintptr_t)BUFFERS, *out = in + BUFFER_SIZE;
        uint8_t *window = (uint8_t *)(uintptr_t)WINDOW + h.win_off, *code = (uint8_t *)(uintptr_t)CODE;
        if (h.n > BUFFER_SIZE / out_size || h.n > BUFFER_SIZE / in_size || fread(in, in_size, h.n, stdin) != h.n)
            return 2;
        use_fx = h.has_fx;
        for (uint32_t k = 0; k < h.n; k++) {
            struct in *r = (struct in *)(in + in_size * k);
            uint8_t *tail = (uint8_t *)(r + 1), *o = out + out_size * k;
            uint32_t len = r->code_len < 24 ? r->code_len : 24;
            memcpy(code, r->code, len);
            code[len] = 0xE9;
            *(uint32_t *)(code + len + 1) = (uint32_t)(uintptr_t)exit_stub - (CODE + len + 5);
            memcpy(in_gpr, r->gpr, sizeof in_gpr);
            in_eflags = (r->rflags & EFLAGS_SETTABLE) | 0x202;
            if (h.has_fx) {
                memcpy(fx_in, tail, 512);
                *(uint32_t *)(fx_in + 24) &= 0xFFFF;
                tail += 512;
            }
            memcpy(window, tail, h.win_len);
            result.rip = len;
            result.vec = VEC_NONE;
            result.err = result.cr2 = 0;
            running = 1;
            run_case();
            running = 0;
            cases_done++;
            memset((void *)(uintptr_t)CODE_PAGE, 0xCC, 0x2000);     /* RIP-relative cases write to it */
            memcpy(result.gpr, out_gpr, sizeof out_gpr);
            result.rflags = out_eflags;
            memcpy(o, &result, sizeof result);
            o += sizeof result;
            if (h.has_fx) {
                memcpy(o, fx_out, 512);
                o += 512;
            }
            memcpy(o, window, h.win_len);
        }
        if (fwrite(out, out_size, h.n, stdout) != h.n)
            return 2;
        fflush(stdout);
    }
    return 0;
}
