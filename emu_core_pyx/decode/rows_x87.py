"""Opcode rows: x87 (SDM vol. 2D, appendix A.5, tables A-7 to A-22).

Undocumented aliases are what all Intel processors since the 387 do: DC D0/D8, DD C8, DE D0, DF C0-D8, D9 D8.
"""

X87 = """
[FPU x87]
D8/0        fadd        M32
D8/1        fmul        M32
D8/2        fcom        M32
D8/3        fcomp       M32
D8/4        fsub        M32
D8/5        fsubr       M32
D8/6        fdiv        M32
D8/7        fdivr       M32
D8.C0+i     fadd        ST0,T
D8.C8+i     fmul        ST0,T
D8.D0+i     fcom        ST0,T
D8.D8+i     fcomp       ST0,T
D8.E0+i     fsub        ST0,T
D8.E8+i     fsubr       ST0,T
D8.F0+i     fdiv        ST0,T
D8.F8+i     fdivr       ST0,T
D9/0        fld         M32
D9/2        fst         M32
D9/3        fstp        M32
D9/4        fldenv      z,M
D9/5        fldcw       M
D9/6        fnstenv     z,M
D9/7        fnstcw      M
D9.C0+i     fld         T
D9.C8+i     fxch        T
D9.D0       fnop        -
D9.D8+i     fstp        T
D9.E0       fchs        -
D9.E1       fabs        -
D9.E4       ftst        -
D9.E5       fxam        -
D9.E8       fld1        -
D9.E9       fldl2t      -
D9.EA       fldl2e      -
D9.EB       fldpi       -
D9.EC       fldlg2      -
D9.ED       fldln2      -
D9.EE       fldz        -
D9.F0       f2xm1       -
D9.F1       fyl2x       -
D9.F2       fptan       -
D9.F3       fpatan      -
D9.F4       fxtract     -
D9.F5       fprem1      -
D9.F6       fdecstp     -
D9.F7       fincstp     -
D9.F8       fprem       -
D9.F9       fyl2xp1     -
D9.FA       fsqrt       -
D9.FB       fsincos     -
D9.FC       frndint     -
D9.FD       fscale      -
D9.FE       fsin        -
D9.FF       fcos        -
DA/0        fiadd       M32
DA/1        fimul       M32
DA/2        ficom       M32
DA/3        ficomp      M32
DA/4        fisub       M32
DA/5        fisubr      M32
DA/6        fidiv       M32
DA/7        fidivr      M32
DA.C0+i     fcmovb      T           CMOV
DA.C8+i     fcmove      T           CMOV
DA.D0+i     fcmovbe     T           CMOV
DA.D8+i     fcmovu      T           CMOV
DA.E9       fucompp     -
DB/0        fild        M32
DB/1        fisttp      M32         SSE3
DB/2        fist        M32
DB/3        fistp       M32
DB/5        fld         M80
DB/7        fstp        M80
DB.C0+i     fcmovnb     T           CMOV
DB.C8+i     fcmovne     T           CMOV
DB.D0+i     fcmovnbe    T           CMOV
DB.D8+i     fcmovnu     T           CMOV
DB.E0       fnop        -
DB.E1       fnop        -
DB.E2       fnclex      -
DB.E3       fninit      -
DB.E4       fnop        -
DB.E8+i     fucomi      T           CMOV
DB.F0+i     fcomi       T           CMOV
DC/0        fadd        M64
DC/1        fmul        M64
DC/2        fcom        M64
DC/3        fcomp       M64
DC/4        fsub        M64
DC/5        fsubr       M64
DC/6        fdiv        M64
DC/7        fdivr       M64
DC.C0+i     fadd        T,ST0
DC.C8+i     fmul        T,ST0
DC.D0+i     fcom        ST0,T
DC.D8+i     fcomp       ST0,T
DC.E0+i     fsubr       T,ST0
DC.E8+i     fsub        T,ST0
DC.F0+i     fdivr       T,ST0
DC.F8+i     fdiv        T,ST0
DD/0        fld         M64
DD/1        fisttp      M64         SSE3
DD/2        fst         M64
DD/3        fstp        M64
DD/4        frstor      z,M
DD/6        fnsave      z,M
DD/7        fnstsw      M
DD.C0+i     ffree       T
DD.C8+i     fxch        T
DD.D0+i     fst         T
DD.D8+i     fstp        T
DD.E0+i     fucom       T
DD.E8+i     fucomp      T
DE/0        fiadd       M16
DE/1        fimul       M16
DE/2        ficom       M16
DE/3        ficomp      M16
DE/4        fisub       M16
DE/5        fisubr      M16
DE/6        fidiv       M16
DE/7        fidivr      M16
DE.C0+i     faddp       T,ST0
DE.C8+i     fmulp       T,ST0
DE.D0+i     fcomp       ST0,T
DE.D9       fcompp      -
DE.E0+i     fsubrp      T,ST0
DE.E8+i     fsubp       T,ST0
DE.F0+i     fdivrp      T,ST0
DE.F8+i     fdivp       T,ST0
DF/0        fild        M16
DF/1        fisttp      M16         SSE3
DF/2        fist        M16
DF/3        fistp       M16
DF/4        fbld        M80
DF/5        fild        M64
DF/6        fbstp       M80
DF/7        fistp       M64
DF.C0+i     ffreep      T
DF.C8+i     fxch        T
DF.D0+i     fstp        T
DF.D8+i     fstp        T
DF.E0       fnstsw      AX
DF.E8+i     fucomip     T           CMOV
DF.F0+i     fcomip      T           CMOV
"""
