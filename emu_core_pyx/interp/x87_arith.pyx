"""x87 arithmetic: FADD FMUL FSUB FSUBR FDIV FDIVR with their integer, reversed and popping forms, comparisons,
and what works on ST(0) and ST(1) alone.

Spec: SDM vol. 1, 8.3 (x87 FPU Instruction Set), vol. 2.
"""
from emu_core_pyx.types cimport acc_t, fast_t, slow_t, u8, u32
from emu_core_pyx.cpu.state cimport CPU
from emu_core_pyx.cpu.bits cimport F_CF, F_PF, F_ZF
from emu_core_pyx.cpu.flags cimport set_arith
from emu_core_pyx.cpu.softfloat cimport SW_C0, SW_C2, SW_C3, SW_ES, SW_EXC
from emu_core_pyx.cpu.fpu cimport (
    CMP_EFLAGS, CMP_POP, CMP_POP2, CMP_QUIET, HOST_X87, K_0T, K_I16, K_I32, K_M32, K_M64, K_POP, K_T0, K_ZERO,
    OP_ADD, OP_DIV, OP_DIVR, OP_MUL, OP_SUB, OP_SUBR, U_2XM1_UNUSED, fpu_binary, fpu_blocked, fpu_compare, fpu_math, st, st_pop,
)
