/* The host processor as an oracle for user-mode instructions, of 32 or 64 bits as it is compiled; driven by tests/isa/oracle.py.
 *
 * Reads batches from stdin, writes results to stdout.  A batch is a Header and n In records; each record's
 * code bytes are put at CODE, followed by a jump to the exit stub, and executed with the given registers.
 * What raises a signal (faults, INT3, jumps that miss the stub) is reported with the vector the processor had.
 *
 *   CODE    0x30000800  code bytes, then JMP exit; the rest of its pages is INT3
 *   WINDOW  0x20000000  8 KiB read/write, unmapped on both sides: the record's window bytes lie at
 *                       win_off, the rest keeps what earlier cases left there
 *   ROM     0x20004000  4 KiB read-only, zero
 *   BUFFERS the batches; nothing else is mapped or unmapped after the first of them, and addresses are not random
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
#define BUFFER_SIZE 0x6000000u
#define MAGIC 0x4f524331u
#define EFLAGS_SETTABLE 0x00240CD5u     /* CF PF AF ZF SF DF OF AC ID */
#define VEC_NONE (-1)
#define VEC_TIMEOUT 254

struct header { uint32_t magic, n, win_off, win_len, has_fx; };

#ifdef __x86_64__
typedef uint64_t word;
#define GPRS 16
#define BUFFERS 0x5A5A50000000u
#define KERNEL 0x7FFFFFFFF000u          /* from here on Linux says "present" whatever is there */
#define REG(name) REG_R##name           /* in a signal's context */
#define W "q"                           /* suffix of an instruction */
#define R "r"                           /* first letter of a register */
#define SIZE "8"
#define FX "64"                         /* FXSAVE's layout */
#define CR2(u) (u)->uc_mcontext.gregs[REG_CR2]
#define FX_AT 0                         /* the FXSAVE image in a context */
#define EXTRA(...) __VA_ARGS__
#else
typedef uint32_t word;
#define GPRS 8
#define BUFFERS 0x60000000u
#define REG(name) REG_E##name
#define W "l"
#define R "e"
#define SIZE "4"
#define FX ""
#define CR2(u) (u)->uc_mcontext.cr2
#define FX_AT 112                       /* behind the FSAVE one */
#define EXTRA(...)                      /* only with sixteen registers */
#endif

struct in {
    uint8_t code[24];
    uint32_t code_len, pad;
    word gpr[GPRS];
    word eflags;
};                                      /* then fx[512] if has_fx, window[win_len] */

struct out {
    word gpr[GPRS];
    word eflags;
    word eip;                           /* minus CODE */
    word cr2;
    int32_t vec;                        /* -1: ran to the stub */
    uint32_t err;
};                                      /* then fx, window */

/* Named by the assembly below. */
word in_gpr[GPRS], in_eflags, out_gpr[GPRS], out_eflags, host_sp, code_at = CODE;
uint32_t use_fx;
uint8_t fx_in[512] __attribute__((aligned(64))), fx_out[512] __attribute__((aligned(64)));
uint32_t clean_mxcsr = 0x1f80;
void run_case(void), exit_stub(void), resume(void);

#define EACH(move) \
    move(0, R "ax") move(1, R "cx") move(2, R "dx") move(3, R "bx") move(4, R "sp") move(5, R "bp") move(6, R "si") \
    move(7, R "di") EXTRA(move(8, "r8") move(9, "r9") move(10, "r10") move(11, "r11") move(12, "r12") move(13, "r13") \
                          move(14, "r14") move(15, "r15"))
#define LOAD(n, reg) "  mov" W " in_gpr+" #n "*" SIZE ", %" reg "\n"
#define STORE(n, reg) "  mov" W " %" reg ", out_gpr+" #n "*" SIZE "\n"

__asm__(
    ".text\n.globl run_case, exit_stub, resume\n"
    "run_case:\n"
    "  push" W " %" R "bx\n  push" W " %" R "bp\n  push" W " %" R "si\n  push" W " %" R "di\n"
    EXTRA("  push %r12\n  push %r13\n  push %r14\n  push %r15\n")
    "  mov" W " %" R "sp, host_sp\n"
    "  cmpl $0, use_fx\n"
    "  je 1f\n"
    "  fxrstor" FX " fx_in\n"
    "1: push" W " in_eflags\n"
    "  popf" W "\n"
    EACH(LOAD)
    "  jmp *code_at\n"
    "exit_stub:\n"
    EACH(STORE)
    "  mov" W " host_sp, %" R "sp\n"
    "  pushf" W "\n"
    "  pop" W " out_eflags\n"
    "  push" W " $0x202\n"
    "  popf" W "\n"
    "  cmpl $0, use_fx\n"
    "  je resume\n"
    "  fxsave" FX " fx_out\n"
    "resume:\n"
    "  cmpl $0, use_fx\n"
    "  je 2f\n"
    "  fninit\n"
    "  ldmxcsr clean_mxcsr\n"
    "2:\n"
    EXTRA("  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n")
    "  pop" W " %" R "di\n  pop" W " %" R "si\n  pop" W " %" R "bp\n  pop" W " %" R "bx\n"
    "  ret\n");

static struct out result;
static volatile uint32_t cases_done, running;

static void take(ucontext_t *u, int vec)
{
    static const int order[GPRS] = { REG(AX), REG(CX), REG(DX), REG(BX), REG(SP), REG(BP), REG(SI), REG(DI)
        EXTRA(, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15) };
    greg_t *g = u->uc_mcontext.gregs;
    for (int k = 0; k < GPRS; k++)
        out_gpr[k] = g[order[k]];
    out_eflags = g[REG_EFL];
    result.eip = g[REG(IP)] - CODE;
    result.vec = vec;
    result.err = g[REG_ERR];
    result.cr2 = vec == 14 ? CR2(u) : 0;
    EXTRA(if (result.cr2 >= KERNEL) result.err &= ~1u;)
    if (use_fx && u->uc_mcontext.fpregs)
        memcpy(fx_out, (uint8_t *)u->uc_mcontext.fpregs + FX_AT, 464);
    g[REG(IP)] = (word)resume;
    g[REG(SP)] = host_sp;
    g[REG_EFL] = 0x202;
    running = 0;
}

static void on_signal(int sig, siginfo_t *si, void *uc)
{
    ucontext_t *u = uc;
    __asm__ volatile("push" W " $0x202; popf" W ::: "cc", "memory");     /* AC may be set */
    if (!running) {
        fprintf(stderr, "oracle: signal %d at %lx outside a case\n", sig, (long)u->uc_mcontext.gregs[REG(IP)]);
        _exit(2);
    }
    take(u, u->uc_mcontext.gregs[REG_TRAPNO]);
}

static void on_alarm(int sig, siginfo_t *si, void *uc)
{
    static uint32_t last = ~0u;
    word eip = ((ucontext_t *)uc)->uc_mcontext.gregs[REG(IP)];
    if (running && last == cases_done && eip - CODE_PAGE < 0x2000)
        take(uc, VEC_TIMEOUT);
    last = cases_done;
}

static void map(word at, uint32_t size, int prot)
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
    memset((void *)(word)CODE_PAGE, 0xCC, 0x2000);
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
        uint8_t *in = (uint8_t *)(word)BUFFERS, *out = in + BUFFER_SIZE;
        uint8_t *window = (uint8_t *)(word)WINDOW + h.win_off, *code = (uint8_t *)(word)CODE;
        if (h.n > BUFFER_SIZE / out_size || h.n > BUFFER_SIZE / in_size || fread(in, in_size, h.n, stdin) != h.n)
            return 2;
        use_fx = h.has_fx;
        for (uint32_t k = 0; k < h.n; k++) {
            struct in *r = (struct in *)(in + in_size * k);
            uint8_t *tail = (uint8_t *)(r + 1), *o = out + out_size * k;
            uint32_t len = r->code_len < 24 ? r->code_len : 24;
            memcpy(code, r->code, len);
            code[len] = 0xE9;
            *(uint32_t *)(code + len + 1) = (uint32_t)(word)exit_stub - (CODE + len + 5);
            memcpy(in_gpr, r->gpr, sizeof in_gpr);
            in_eflags = (r->eflags & EFLAGS_SETTABLE) | 0x202;
            if (h.has_fx) {
                memcpy(fx_in, tail, 512);
                *(uint32_t *)(fx_in + 24) &= 0xFFFF;
                tail += 512;
            }
            memcpy(window, tail, h.win_len);
            result.eip = len;
            result.vec = VEC_NONE;
            result.err = result.cr2 = 0;
            running = 1;
            run_case();
            running = 0;
            cases_done++;
            memset((void *)(word)CODE_PAGE, 0xCC, 0x2000);     /* a case may write there */
            memcpy(result.gpr, out_gpr, sizeof out_gpr);
            result.eflags = out_eflags;
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
