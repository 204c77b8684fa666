/* Executes one x87 instruction natively on many operands: `x87_host NAME < records > answers`.
 *
 * Records and answers are those of emu_core_pyx.interp.x87_probe.Probe.batch.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t t10[10];

static struct __attribute__((packed)) in {
    uint16_t cw;
    uint8_t depth, eflags;
    t10 st0, st1, mem;
    uint8_t pad[2];
} in;

static struct __attribute__((packed)) out {
    uint16_t sw, tags, eflags, vector;
    uint8_t st[80];
    t10 mem;
    uint8_t pad[6];
} out;

static uint8_t image[108];
static uint16_t cw;

#define OPS(X) \
    X(fadd_m32, "fadds %2") X(fmul_m32, "fmuls %2") X(fsub_m32, "fsubs %2") X(fsubr_m32, "fsubrs %2") \
    X(fdiv_m32, "fdivs %2") X(fdivr_m32, "fdivrs %2") X(fcom_m32, "fcoms %2") X(fcomp_m32, "fcomps %2") \
    X(fadd_m64, "faddl %2") X(fmul_m64, "fmull %2") X(fsub_m64, "fsubl %2") X(fsubr_m64, "fsubrl %2") \
    X(fdiv_m64, "fdivl %2") X(fdivr_m64, "fdivrl %2") X(fcom_m64, "fcoml %2") X(fcomp_m64, "fcompl %2") \
    X(fiadd_m16, "fiadds %2") X(fimul_m16, "fimuls %2") X(fisub_m16, "fisubs %2") X(fisubr_m16, "fisubrs %2") \
    X(fidiv_m16, "fidivs %2") X(fidivr_m16, "fidivrs %2") X(ficom_m16, "ficoms %2") X(ficomp_m16, "ficomps %2") \
    X(fiadd_m32, "fiaddl %2") X(fimul_m32, "fimull %2") X(fisub_m32, "fisubl %2") X(fisubr_m32, "fisubrl %2") \
    X(fidiv_m32, "fidivl %2") X(fidivr_m32, "fidivrl %2") X(ficom_m32, "ficoml %2") X(ficomp_m32, "ficompl %2") \
    X(fadd_0t, ".byte 0xD8,0xC1") X(fmul_0t, ".byte 0xD8,0xC9") X(fcom_0t, ".byte 0xD8,0xD1") \
    X(fcomp_0t, ".byte 0xD8,0xD9") X(fsub_0t, ".byte 0xD8,0xE1") X(fsubr_0t, ".byte 0xD8,0xE9") \
    X(fdiv_0t, ".byte 0xD8,0xF1") X(fdivr_0t, ".byte 0xD8,0xF9") \
    X(fadd_t0, ".byte 0xDC,0xC1") X(fmul_t0, ".byte 0xDC,0xC9") X(fsubr_t0, ".byte 0xDC,0xE1") \
    X(fsub_t0, ".byte 0xDC,0xE9") X(fdivr_t0, ".byte 0xDC,0xF1") X(fdiv_t0, ".byte 0xDC,0xF9") \
    X(faddp_t0, ".byte 0xDE,0xC1") X(fmulp_t0, ".byte 0xDE,0xC9") X(fsubrp_t0, ".byte 0xDE,0xE1") \
    X(fsubp_t0, ".byte 0xDE,0xE9") X(fdivrp_t0, ".byte 0xDE,0xF1") X(fdivp_t0, ".byte 0xDE,0xF9") \
    X(fcompp, "fcompp") X(fucompp, "fucompp") X(fucom_t, "fucom %%st(1)") X(fucomp_t, "fucomp %%st(1)") \
    X(fcomi_t, "fcomi %%st(1)") X(fcomip_t, "fcomip %%st(1)") X(fucomi_t, "fucomi %%st(1)") \
    X(fucomip_t, "fucomip %%st(1)") X(ftst, "ftst") X(fxam, "fxam") \
    X(fld_m32, "flds %2") X(fld_m64, "fldl %2") X(fld_m80, "fldt %2") X(fild_m16, "filds %2") X(fild_m32, "fildl %2") \
    X(fild_m64, "fildll %2") X(fbld_m80, "fbld %2") X(fst_m32, "fsts %2") X(fst_m64, "fstl %2") X(fstp_m32, "fstps %2") \
    X(fstp_m64, "fstpl %2") X(fstp_m80, "fstpt %2") X(fist_m16, "fists %2") X(fist_m32, "fistl %2") \
    X(fistp_m16, "fistps %2") X(fistp_m32, "fistpl %2") X(fistp_m64, "fistpll %2") X(fbstp_m80, "fbstp %2") \
    X(fisttp_m16, "fisttps %2") X(fisttp_m32, "fisttpl %2") X(fisttp_m64, "fisttpll %2") \
    X(fld_t, "fld %%st(1)") X(fst_t, "fst %%st(1)") X(fstp_t, "fstp %%st(1)") X(fxch_t, "fxch %%st(1)") \
    X(fchs, "fchs") X(fabs, "fabs") X(fld1, "fld1") X(fldz, "fldz") X(fldl2t, "fldl2t") X(fldl2e, "fldl2e") \
    X(fldpi, "fldpi") X(fldlg2, "fldlg2") X(fldln2, "fldln2") \
    X(fcmovb_t, "fcmovb %%st(1),%%st") X(fcmove_t, "fcmove %%st(1),%%st") X(fcmovbe_t, "fcmovbe %%st(1),%%st") \
    X(fcmovu_t, "fcmovu %%st(1),%%st") X(fcmovnb_t, "fcmovnb %%st(1),%%st") X(fcmovne_t, "fcmovne %%st(1),%%st") \
    X(fcmovnbe_t, "fcmovnbe %%st(1),%%st") X(fcmovnu_t, "fcmovnu %%st(1),%%st") \
    X(fsqrt, "fsqrt") X(frndint, "frndint") X(fscale, "fscale") X(fprem, "fprem") X(fprem1, "fprem1") \
    X(fxtract, "fxtract") X(f2xm1, "f2xm1") X(fyl2x, "fyl2x") X(fyl2xp1, "fyl2xp1") X(fpatan, "fpatan") \
    X(fptan, "fptan") X(fsin, "fsin") X(fcos, "fcos") X(fsincos, "fsincos") \
    X(fincstp, "fincstp") X(fdecstp, "fdecstp") X(ffree_t, "ffree %%st(1)") X(ffreep_t, ".byte 0xDF,0xC1") \
    X(fnop, "fnop") X(fnclex, "fnclex")

#define DEFINE(name, text) \
    static void op_##name(void) \
    { \
        uint64_t flags = in.eflags | 2; \
        __asm__ volatile("fldcw %3\n\tpush %0\n\tpopf\n\t" text "\n\tpushf\n\tpop %0\n\tfnsave %1\n\tfninit" \
                         : "+r"(flags), "=m"(image), "+m"(in.mem) : "m"(cw) : "cc", "memory"); \
        out.eflags = (uint16_t)flags; \
    }
OPS(DEFINE)

#define ROW(name, text) {#name, op_##name},
static const struct { const char *name; void (*run)(void); } ops[] = {OPS(ROW)};

int main(int argc, char **argv)
{
    size_t k, n = sizeof ops / sizeof ops[0];
    if (argc == 1) {
        for (k = 0; k < n; k++)
            puts(ops[k].name);
        return 0;
    }
    for (k = 0; k < n && strcmp(ops[k].name, argv[1]); k++)
        ;
    if (k == n)
        return 1;
    while (fread(&in, sizeof in, 1, stdin) == 1) {
        __asm__ volatile("fninit");
        for (int j = in.depth; j > 0; j--) {
            if (j == 2)
                __asm__ volatile("fldt %0" : : "m"(in.st1));
            else if (j == 1)
                __asm__ volatile("fldt %0" : : "m"(in.st0));
            else
                __asm__ volatile("fld1");
        }
        __asm__ volatile("fnclex");
        cw = in.cw;
        ops[k].run();
        memcpy(&out.sw, image + 4, 2);
        memcpy(&out.tags, image + 8, 2);
        memcpy(out.st, image + 28, 80);
        memcpy(out.mem, in.mem, 10);
        out.vector = 0xFFFF;
        fwrite(&out, sizeof out, 1, stdout);
    }
    return 0;
}
