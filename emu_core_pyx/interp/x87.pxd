"""What the x87 handlers share: arithmetic on the host's x87, and the checks before it.

On an x86-64 host the common case of a handler is `load, operate, read status, store` on the host's own x87, whose
control word is the guest's with exceptions masked (cpu/fpu.pxd).  It is taken when the guest masks all exceptions, so none can be
pending, and the registers it needs are not empty.  Everything else ends in cpu/fpu.pyx, which computes in integers.
"""
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.cpu.state cimport CPU, F80
from emu_core_pyx.cpu.softfloat cimport SW_C0, SW_C1, SW_C2, SW_C3, SW_EXC
from emu_core_pyx.block.insn cimport Insn
from emu_core_pyx.interp.dispatch cimport insn_rip

# names of fused specialisations only: the operation, and the format of a memory operand
ctypedef signed char add_t
ctypedef unsigned char mul_t
ctypedef short sub_t
ctypedef unsigned short subr_t
ctypedef int div_t
ctypedef unsigned int divr_t

ctypedef fused op_t:
    add_t
    mul_t
    sub_t
    subr_t
    div_t
    divr_t

ctypedef float m32_t
ctypedef double m64_t
ctypedef short i16_t
ctypedef int i32_t

ctypedef fused mem_t:
    m32_t
    m64_t
    i16_t
    i32_t

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(EMU_SOFT_X87)
    typedef char emu_m10[10];
    typedef char emu_m8[8];
    typedef char emu_m4[4];
    typedef char emu_m2[2];
    /* d = d op s, both registers; gives the status word */
    #define EMU_X87_RR(name, insn) \\
        static inline unsigned emu_x87_##name(void *d, const void *s) \\
        { \\
            unsigned short sw; \\
            __asm__ volatile("fldt %1\\n\\tfldt %2\\n\\t" insn "\\n\\tfnstsw %0\\n\\tfstpt %1" \\
                             : "=a"(sw), "+m"(*(emu_m10 *)d) : "m"(*(const emu_m10 *)s)); \\
            return sw; \\
        }
    /* d = d op memory */
    #define EMU_X87_RM(name, insn, type) \\
        static inline unsigned emu_x87_##name(void *d, const void *s) \\
        { \\
            unsigned short sw; \\
            __asm__ volatile("fldt %1\\n\\t" insn " %2\\n\\tfnstsw %0\\n\\tfstpt %1" \\
                             : "=a"(sw), "+m"(*(emu_m10 *)d) : "m"(*(const type *)s)); \\
            return sw; \\
        }
    /* compare register with memory */
    #define EMU_X87_CM(name, insn, type) \\
        static inline unsigned emu_x87_##name(const void *d, const void *s) \\
        { \\
            unsigned short sw; \\
            __asm__ volatile("fldt %1\\n\\t" insn " %2\\n\\tfnstsw %0" \\
                             : "=a"(sw) : "m"(*(const emu_m10 *)d), "m"(*(const type *)s)); \\
            return sw; \\
        }
    #define EMU_X87_CR(name, insn) \\
        static inline unsigned emu_x87_##name(const void *d, const void *s) \\
        { \\
            unsigned short sw; \\
            __asm__ volatile("fldt %2\\n\\tfldt %1\\n\\t" insn "\\n\\tfnstsw %0" \\
                             : "=a"(sw) : "m"(*(const emu_m10 *)d), "m"(*(const emu_m10 *)s)); \\
            return sw; \\
        }
    /* memory = register */
    #define EMU_X87_ST(name, insn, type) \\
        static inline unsigned emu_x87_##name(void *m, const void *s) \\
        { \\
            unsigned short sw; \\
            __asm__ volatile("fldt %2\\n\\t" insn " %1\\n\\tfnstsw %0" \\
                             : "=a"(sw), "=m"(*(type *)m) : "m"(*(const emu_m10 *)s)); \\
            return sw; \\
        }
    #define EMU_X87_R(name, insn) \\
        static inline unsigned emu_x87_##name(void *d) \\
        { \\
            unsigned short sw; \\
            __asm__ volatile("fldt %1\\n\\t" insn "\\n\\tfnstsw %0\\n\\tfstpt %1" : "=a"(sw), "+m"(*(emu_m10 *)d)); \\
            return sw; \\
        }
    #else
    /* never called: HOST_X87 is 0 */
    #define EMU_X87_NONE(name) static inline unsigned emu_x87_##name
    #define EMU_X87_RR(name, insn) EMU_X87_NONE(name)(void *d, const void *s) { (void)d; (void)s; return 0; }
    #define EMU_X87_RM(name, insn, type) EMU_X87_NONE(name)(void *d, const void *s) { (void)d; (void)s; return 0; }
    #define EMU_X87_CM(name, insn, type) EMU_X87_NONE(name)(const void *d, const void *s) { (void)d; (void)s; return 0; }
    #define EMU_X87_CR(name, insn) EMU_X87_NONE(name)(const void *d, const void *s) { (void)d; (void)s; return 0; }
    #define EMU_X87_ST(name, insn, type) EMU_X87_NONE(name)(void *m, const void *s) { (void)m; (void)s; return 0; }
    #define EMU_X87_R(name, insn) EMU_X87_NONE(name)(void *d) { (void)d; return 0; }
    #endif
    /* FSUBP, FSUBRP, FDIVP, FDIVRP as bytes: assemblers disagree about their names */
    EMU_X87_RR(add, ".byte 0xDE, 0xC1")
    EMU_X87_RR(mul, ".byte 0xDE, 0xC9")
    EMU_X87_RR(sub, ".byte 0xDE, 0xE9")
    EMU_X87_RR(subr, ".byte 0xDE, 0xE1")
    EMU_X87_RR(div, ".byte 0xDE, 0xF9")
    EMU_X87_RR(divr, ".byte 0xDE, 0xF1")
    #define EMU_X87_OPS(op) \\
        EMU_X87_RM(op##_m32, "f" #op "s", emu_m4) \\
        EMU_X87_RM(op##_m64, "f" #op "l", emu_m8) \\
        EMU_X87_RM(op##_i16, "fi" #op "s", emu_m2) \\
        EMU_X87_RM(op##_i32, "fi" #op "l", emu_m4)
    EMU_X87_OPS(add)
    EMU_X87_OPS(mul)
    EMU_X87_OPS(sub)
    EMU_X87_OPS(subr)
    EMU_X87_OPS(div)
    EMU_X87_OPS(divr)
    EMU_X87_CM(com_m32, "fcomps", emu_m4)
    EMU_X87_CM(com_m64, "fcompl", emu_m8)
    EMU_X87_CM(com_i16, "ficomps", emu_m2)
    EMU_X87_CM(com_i32, "ficompl", emu_m4)
    EMU_X87_CR(com, "fcompp")
    EMU_X87_CR(ucom, "fucompp")
    EMU_X87_ST(st_m32, "fstps", emu_m4)
    EMU_X87_ST(st_m64, "fstpl", emu_m8)
    EMU_X87_ST(st_i16, "fistps", emu_m2)
    EMU_X87_ST(st_i32, "fistpl", emu_m4)
    EMU_X87_ST(st_i64, "fistpll", emu_m8)
    EMU_X87_R(sqrt, "fsqrt")
    EMU_X87_R(rint, "frndint")
    EMU_X87_R(tst, "ftst")
    """
    u32 x87_add "emu_x87_add"(void *d, const void *s) noexcept nogil
    u32 x87_mul "emu_x87_mul"(void *d, const void *s) noexcept nogil
    u32 x87_sub "emu_x87_sub"(void *d, const void *s) noexcept nogil
    u32 x87_subr "emu_x87_subr"(void *d, const void *s) noexcept nogil
    u32 x87_div "emu_x87_div"(void *d, const void *s) noexcept nogil
    u32 x87_divr "emu_x87_divr"(void *d, const void *s) noexcept nogil
    u32 x87_add_m32 "emu_x87_add_m32"(void *d, const void *s) noexcept nogil
    u32 x87_add_m64 "emu_x87_add_m64"(void *d, const void *s) noexcept nogil
    u32 x87_add_i16 "emu_x87_add_i16"(void *d, const void *s) noexcept nogil
    u32 x87_add_i32 "emu_x87_add_i32"(void *d, const void *s) noexcept nogil
    u32 x87_mul_m32 "emu_x87_mul_m32"(void *d, const void *s) noexcept nogil
    u32 x87_mul_m64 "emu_x87_mul_m64"(void *d, const void *s) noexcept nogil
    u32 x87_mul_i16 "emu_x87_mul_i16"(void *d, const void *s) noexcept nogil
    u32 x87_mul_i32 "emu_x87_mul_i32"(void *d, const void *s) noexcept nogil
    u32 x87_sub_m32 "emu_x87_sub_m32"(void *d, const void *s) noexcept nogil
    u32 x87_sub_m64 "emu_x87_sub_m64"(void *d, const void *s) noexcept nogil
    u32 x87_sub_i16 "emu_x87_sub_i16"(void *d, const void *s) noexcept nogil
    u32 x87_sub_i32 "emu_x87_sub_i32"(void *d, const void *s) noexcept nogil
    u32 x87_subr_m32 "emu_x87_subr_m32"(void *d, const void *s) noexcept nogil
    u32 x87_subr_m64 "emu_x87_subr_m64"(void *d, const void *s) noexcept nogil
    u32 x87_subr_i16 "emu_x87_subr_i16"(void *d, const void *s) noexcept nogil
    u32 x87_subr_i32 "emu_x87_subr_i32"(void *d, const void *s) noexcept nogil
    u32 x87_div_m32 "emu_x87_div_m32"(void *d, const void *s) noexcept nogil
    u32 x87_div_m64 "emu_x87_div_m64"(void *d, const void *s) noexcept nogil
    u32 x87_div_i16 "emu_x87_div_i16"(void *d, const void *s) noexcept nogil
    u32 x87_div_i32 "emu_x87_div_i32"(void *d, const void *s) noexcept nogil
    u32 x87_divr_m32 "emu_x87_divr_m32"(void *d, const void *s) noexcept nogil
    u32 x87_divr_m64 "emu_x87_divr_m64"(void *d, const void *s) noexcept nogil
    u32 x87_divr_i16 "emu_x87_divr_i16"(void *d, const void *s) noexcept nogil
    u32 x87_divr_i32 "emu_x87_divr_i32"(void *d, const void *s) noexcept nogil
    u32 x87_com_m32 "emu_x87_com_m32"(const void *d, const void *s) noexcept nogil
    u32 x87_com_m64 "emu_x87_com_m64"(const void *d, const void *s) noexcept nogil
    u32 x87_com_i16 "emu_x87_com_i16"(const void *d, const void *s) noexcept nogil
    u32 x87_com_i32 "emu_x87_com_i32"(const void *d, const void *s) noexcept nogil
    u32 x87_com "emu_x87_com"(const void *d, const void *s) noexcept nogil
    u32 x87_ucom "emu_x87_ucom"(const void *d, const void *s) noexcept nogil
    u32 x87_st_m32 "emu_x87_st_m32"(void *m, const void *s) noexcept nogil
    u32 x87_st_m64 "emu_x87_st_m64"(void *m, const void *s) noexcept nogil
    u32 x87_st_i16 "emu_x87_st_i16"(void *m, const void *s) noexcept nogil
    u32 x87_st_i32 "emu_x87_st_i32"(void *m, const void *s) noexcept nogil
    u32 x87_st_i64 "emu_x87_st_i64"(void *m, const void *s) noexcept nogil
    u32 x87_sqrt "emu_x87_sqrt"(void *d) noexcept nogil
    u32 x87_rint "emu_x87_rint"(void *d) noexcept nogil


cdef inline bint masked(CPU *c) noexcept nogil:
    """All exceptions are masked, so none is pending."""
    return (c.s.fpu.cw & SW_EXC) == SW_EXC


cdef inline bint has(CPU *c, u32 n) noexcept nogil:
    """ST(n) is not empty."""
    return (c.s.fpu.tags >> ((c.s.fpu.top + n) & 7)) & 1


cdef inline bint has0(CPU *c) noexcept nogil:
    return (c.s.fpu.tags >> c.s.fpu.top) & 1


cdef inline void note(CPU *c, Insn *i, u32 sw) noexcept nogil:
    """Status of a masked operation on the host: exceptions are sticky, C1 is the operation's."""
    c.s.fpu.sw = <u16>(c.s.fpu.sw & ~SW_C1 | sw & (SW_EXC | SW_C1))
    c.s.fpu.fip = insn_rip(c, i)


cdef inline void note_cc(CPU *c, Insn *i, u32 sw) noexcept nogil:
    """The same for a comparison."""
    c.s.fpu.sw = <u16>(c.s.fpu.sw & ~(SW_C0 | SW_C1 | SW_C2 | SW_C3) | sw & (SW_EXC | SW_C0 | SW_C2 | SW_C3))
    c.s.fpu.fip = insn_rip(c, i)


cdef inline void note_none(CPU *c, Insn *i) noexcept nogil:
    """An operation without exceptions: C1 = 0."""
    c.s.fpu.sw &= <u16>~SW_C1
    c.s.fpu.fip = insn_rip(c, i)
