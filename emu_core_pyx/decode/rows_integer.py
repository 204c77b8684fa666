"""Opcode rows: general instructions and the system ones (SDM vol. 2D, appendix A, tables A-2, A-3, A-6).

A row is `opcode mnemonic operands tags`; the syntax is in tables.pyx.
"""

ONE_BYTE = """
00      add     Eb,Gb       lock
01      add     Ev,Gv       lock
02      add     Gb,Eb
03      add     Gv,Ev
04      add     AL,Ib
05      add     rAX,Iz
06      push    ES,v        d64 i64
07      pop     ES,v        d64 i64
08      or      Eb,Gb       lock
09      or      Ev,Gv       lock
0A      or      Gb,Eb
0B      or      Gv,Ev
0C      or      AL,Ib
0D      or      rAX,Iz
0E      push    CS,v        d64 i64
10      adc     Eb,Gb       lock
11      adc     Ev,Gv       lock
12      adc     Gb,Eb
13      adc     Gv,Ev
14      adc     AL,Ib
15      adc     rAX,Iz
16      push    SS,v        d64 i64
17      pop     SS,v        d64 i64 end
18      sbb     Eb,Gb       lock
19      sbb     Ev,Gv       lock
1A      sbb     Gb,Eb
1B      sbb     Gv,Ev
1C      sbb     AL,Ib
1D      sbb     rAX,Iz
1E      push    DS,v        d64 i64
1F      pop     DS,v        d64 i64
20      and     Eb,Gb       lock
21      and     Ev,Gv       lock
22      and     Gb,Eb
23      and     Gv,Ev
24      and     AL,Ib
25      and     rAX,Iz
27      daa     -           i64
28      sub     Eb,Gb       lock
29      sub     Ev,Gv       lock
2A      sub     Gb,Eb
2B      sub     Gv,Ev
2C      sub     AL,Ib
2D      sub     rAX,Iz
2F      das     -           i64
30      xor     Eb,Gb       lock
31      xor     Ev,Gv       lock
32      xor     Gb,Eb
33      xor     Gv,Ev
34      xor     AL,Ib
35      xor     rAX,Iz
37      aaa     -           i64
38      cmp     Eb,Gb
39      cmp     Ev,Gv
3A      cmp     Gb,Eb
3B      cmp     Gv,Ev
3C      cmp     AL,Ib
3D      cmp     rAX,Iz
3F      aas     -           i64
40+r    inc     Zv          i64
48+r    dec     Zv          i64
50+r    push    Zv          d64
58+r    pop     Zv          d64
60      pusha   v           i64
61      popa    v           i64
62      bound   Gv,Ma       i64
63      arpl    Ew,Gw       i64 prot
63      movsx32 Gv,Ed       o64
68      push    v,Iz        d64
69      imul    Gv,Ev,Iz
6A      push    v,Ib        d64
6B      imul    Gv,Ev,Ib
6C      ins     Yb,DX       rep
6D      ins     Yz,DX       rep
6E      outs    DX,Xb       rep
6F      outs    DX,Xz       rep
70+c    jCC     Jb
80/0    add     Eb,Ib       lock
80/1    or      Eb,Ib       lock
80/2    adc     Eb,Ib       lock
80/3    sbb     Eb,Ib       lock
80/4    and     Eb,Ib       lock
80/5    sub     Eb,Ib       lock
80/6    xor     Eb,Ib       lock
80/7    cmp     Eb,Ib
81/0    add     Ev,Iz       lock
81/1    or      Ev,Iz       lock
81/2    adc     Ev,Iz       lock
81/3    sbb     Ev,Iz       lock
81/4    and     Ev,Iz       lock
81/5    sub     Ev,Iz       lock
81/6    xor     Ev,Iz       lock
81/7    cmp     Ev,Iz
82/0    add     Eb,Ib       lock i64
82/1    or      Eb,Ib       lock i64
82/2    adc     Eb,Ib       lock i64
82/3    sbb     Eb,Ib       lock i64
82/4    and     Eb,Ib       lock i64
82/5    sub     Eb,Ib       lock i64
82/6    xor     Eb,Ib       lock i64
82/7    cmp     Eb,Ib       i64
83/0    add     Ev,Ib       lock
83/1    or      Ev,Ib       lock
83/2    adc     Ev,Ib       lock
83/3    sbb     Ev,Ib       lock
83/4    and     Ev,Ib       lock
83/5    sub     Ev,Ib       lock
83/6    xor     Ev,Ib       lock
83/7    cmp     Ev,Ib
84      test    Eb,Gb
85      test    Ev,Gv
86      xchg    Eb,Gb       lock
87      xchg    Ev,Gv       lock
88      mov     Eb,Gb
89      mov     Ev,Gv
8A      mov     Gb,Eb
8B      mov     Gv,Ev
8C      mov     Rv,Sw
8C      mov     Mw,Sw
8D      lea     Gv,M
8E      mov     Sw,Ew
8E/2    mov     Sw,Ew       end
8F/0    pop     Ev          d64
90+r    xchg    Zv,rAX
90      nop     -           B0
F3:90   pause   -
F3:90   pause   -           B0
98      cbw     v
99      cwd     v
9A      callf   Ap          i64 end
9B      fwait   -           FPU
9C      pushf   v           d64
9D      popf    v           d64 end
9E      sahf    -           i64
9E      sahf    -           o64 LAHF_LM
9F      lahf    -           i64
9F      lahf    -           o64 LAHF_LM
A0      mov     AL,Ob
A1      mov     rAX,Ov
A2      mov     Ob,AL
A3      mov     Ov,rAX
A4      movs    Yb,Xb       rep
A5      movs    Yv,Xv       rep
A6      cmps    Xb,Yb       repz
A7      cmps    Xv,Yv       repz
A8      test    AL,Ib
A9      test    rAX,Iz
AA      stos    Yb,xAL      rep
AB      stos    Yv,xAX      rep
AC      lods    xAL,Xb      rep
AD      lods    xAX,Xv      rep
AE      scas    xAL,Yb      repz
AF      scas    xAX,Yv      repz
B0+r    mov     Zb,Ib
B8+r    mov     Zv,Iz       W0
B8+r    mov     Zv,Iq       W1
C0/0    rol     Eb,Iu
C0/1    ror     Eb,Iu
C0/2    rcl     Eb,Iu
C0/3    rcr     Eb,Iu
C0/4    shl     Eb,Iu
C0/5    shr     Eb,Iu
C0/6    shl     Eb,Iu
C0/7    sar     Eb,Iu
C1/0    rol     Ev,Iu
C1/1    ror     Ev,Iu
C1/2    rcl     Ev,Iu
C1/3    rcr     Ev,Iu
C1/4    shl     Ev,Iu
C1/5    shr     Ev,Iu
C1/6    shl     Ev,Iu
C1/7    sar     Ev,Iu
C2      ret     v,Iw        f64 end
C3      ret     v           f64 end
C4      lseg    Gv,Mp       i64 x=0
C5      lseg    Gv,Mp       i64 x=3
C6/0    mov     Eb,Ib
C7/0    mov     Ev,Iz
C8      enter   v,Iw,Ln     d64 bare
C9      leave   v           d64
CA      retf    v,Iw        end
CB      retf    v           end
CC      int3    -           end
CD      int     Iu          end
CE      into    -           i64 end
CF      iret    v           end
D0/0    rol     Eb,1
D0/1    ror     Eb,1
D0/2    rcl     Eb,1
D0/3    rcr     Eb,1
D0/4    shl     Eb,1
D0/5    shr     Eb,1
D0/6    shl     Eb,1
D0/7    sar     Eb,1
D1/0    rol     Ev,1
D1/1    ror     Ev,1
D1/2    rcl     Ev,1
D1/3    rcr     Ev,1
D1/4    shl     Ev,1
D1/5    shr     Ev,1
D1/6    shl     Ev,1
D1/7    sar     Ev,1
D2/0    rol     Eb,CL
D2/1    ror     Eb,CL
D2/2    rcl     Eb,CL
D2/3    rcr     Eb,CL
D2/4    shl     Eb,CL
D2/5    shr     Eb,CL
D2/6    shl     Eb,CL
D2/7    sar     Eb,CL
D3/0    rol     Ev,CL
D3/1    ror     Ev,CL
D3/2    rcl     Ev,CL
D3/3    rcr     Ev,CL
D3/4    shl     Ev,CL
D3/5    shr     Ev,CL
D3/6    shl     Ev,CL
D3/7    sar     Ev,CL
D4      aam     Iu          i64
D5      aad     Iu          i64
D6      salc    -           i64
D7      xlat    -
E0      loopnz  Jb
E1      loopz   Jb
E2      loop    Jb
E3      jcxz    Jb
E4      in      AL,Iu
E5      in      eAX,Iu
E6      out     Iu,AL
E7      out     Iu,eAX
E8      call    Jz
E9      jmp     Jz
EA      jmpf    Ap          i64 end
EB      jmp     Jb
EC      in      AL,DX
ED      in      eAX,DX
EE      out     DX,AL
EF      out     DX,eAX
F1      int1    -           end
F4      hlt     -           end
F5      cmc     -
F6/0    test    Eb,Ib
F6/1    test    Eb,Ib
F6/2    not     Eb          lock
F6/3    neg     Eb          lock
F6/4    mul     Eb
F6/5    imul    Eb
F6/6    div     Eb
F6/7    idiv    Eb
F7/0    test    Ev,Iz
F7/1    test    Ev,Iz
F7/2    not     Ev          lock
F7/3    neg     Ev          lock
F7/4    mul     Ev
F7/5    imul    Ev
F7/6    div     Ev
F7/7    idiv    Ev
F8      clc     -
F9      stc     -
FA      cli     -           end
FB      sti     -           end
FC      cld     -
FD      std     -
FE/0    inc     Eb          lock
FE/1    dec     Eb          lock
FF/0    inc     Ev          lock
FF/1    dec     Ev          lock
FF/2    call    Ev          f64 end
FF/3    callf   Mp          end
FF/4    jmp     Ev          f64 end
FF/5    jmpf    Mp          end
FF/6    push    Ev          d64
"""

TWO_BYTE = """
0F00/0      sldt        Rv          prot
0F00/0      sldt        Mw          prot
0F00/1      str         Rv          prot
0F00/1      str         Mw          prot
0F00/2      lldt        Ew          prot
0F00/3      ltr         Ew          prot
0F00/4      verr        Ew          prot
0F00/5      verw        Ew          prot
0F01/0      sgdt        Ms
0F01/1      sidt        Ms
0F01/2      lgdt        Ms
0F01/3      lidt        Ms
0F01/4      smsw        Rv
0F01/4      smsw        Mw
0F01/6      lmsw        Ew          end
0F01/7      invlpg      M           end
NP:0F01.C8  monitor     -           MONITOR
NP:0F01.C9  mwait       -           MONITOR end
NP:0F01.CA  clac        -           SMAP
NP:0F01.CB  stac        -           SMAP
NP:0F01.D0  xgetbv      -           XSAVE
NP:0F01.D1  xsetbv      -           XSAVE end
0F01.F8     swapgs      -           LM o64
0F01.F9     rdtscp      -           RDTSCP
0F02        lar         Gv,Ew       prot
0F03        lsl         Gv,Ew       prot
0F05        syscall     -           SYSCALL end
0F06        clts        -           end
0F07        sysret      y           SYSCALL end
0F08        invd        -
0F09        wbinvd      -
0F0B        ud          -           end
0F0D        nop         Ev          SSE2
0F18        nop         Ev          CMOV
0F19        nop         Ev          CMOV
0F1A        nop         Ev          CMOV
0F1B        nop         Ev          CMOV
0F1C        nop         Ev          CMOV
0F1D        nop         Ev          CMOV
0F1E        nop         Ev          CMOV
0F1F        nop         Ev          CMOV
0F20        mov         Rn,Cn       anymod
0F21        mov         Rn,Dn       anymod
0F22        mov         Cn,Rn       anymod end
0F23        mov         Dn,Rn       anymod end
0F30        wrmsr       -           MSR end
0F31        rdtsc       -           TSC
0F32        rdmsr       -           MSR
0F33        rdpmc       -           CMOV
0F34        sysenter    -           SEP end
0F35        sysexit     y           SEP end
0F40+c      cmovCC      Gv,Ev       CMOV
0F80+c      jCC         Jz
0F90+c      setCC       Eb
0FA0        push        FS,v        d64
0FA1        pop         FS,v        d64
0FA2        cpuid       -
0FA3        bt          Ev,Gv
0FA4        shld        Ev,Gv,Iu
0FA5        shld        Ev,Gv,CL
0FA8        push        GS,v        d64
0FA9        pop         GS,v        d64
0FAA        rsm         -           end
0FAB        bts         Ev,Gv       lock
0FAC        shrd        Ev,Gv,Iu
0FAD        shrd        Ev,Gv,CL
NP:0FAE/0   fxsave      My          FXSR fxsr
NP:0FAE/1   fxrstor     My          FXSR fxsr
NP:0FAE/2   ldmxcsr     Md          SSE sse
NP:0FAE/3   stmxcsr     Md          SSE sse
NP:0FAE/4   xsave       My          XSAVE
NP:0FAE/5   xrstor      My          XSAVE
NP:0FAE/5   lfence      R           SSE2 bare
NP:0FAE/6   mfence      R           SSE2 bare
NP:0FAE/7   sfence      R           SSE bare
NP:0FAE/7   clflush     M           CLFSH
F3:0FAE/0   rdfsbase    Ry          FSGSBASE o64
F3:0FAE/1   rdgsbase    Ry          FSGSBASE o64
F3:0FAE/2   wrfsbase    Ry          FSGSBASE o64
F3:0FAE/3   wrgsbase    Ry          FSGSBASE o64
0FAF        imul        Gv,Ev
0FB0        cmpxchg     Eb,Gb       lock
0FB1        cmpxchg     Ev,Gv       lock
0FB2        lseg        Gv,Mp       x=2
0FB3        btr         Ev,Gv       lock
0FB4        lseg        Gv,Mp       x=4
0FB5        lseg        Gv,Mp       x=5
0FB6        movzx8      Gv,Eb
0FB7        movzx16     Gv,Ew
F3:0FB8     popcnt      Gv,Ev       POPCNT
0FB9        ud          E           end bare
0FBA/4      bt          Ev,Iu
0FBA/5      bts         Ev,Iu       lock
0FBA/6      btr         Ev,Iu       lock
0FBA/7      btc         Ev,Iu       lock
0FBB        btc         Ev,Gv       lock
0FBC        bsf         Gv,Ev
F3:0FBC     tzcnt       Gv,Ev       BMI1 else=bsf
0FBD        bsr         Gv,Ev
F3:0FBD     lzcnt       Gv,Ev       LZCNT else=bsr
0FBE        movsx8      Gv,Eb
0FBF        movsx16     Gv,Ew
0FC0        xadd        Eb,Gb       lock
0FC1        xadd        Ev,Gv       lock
NP:0FC3     movnti      My,Gy       SSE2
0FC7/1      cmpxchg8b   Mq          CX8 lock W0
0FC7/1      cmpxchg16b  Mo          CX16 lock W1
NP:0FC7/6   rdrand      Rv          RDRAND
66:0FC7/6   rdrand      Rv          RDRAND
NP:0FC7/7   rdseed      Rv          RDSEED
66:0FC7/7   rdseed      Rv          RDSEED
F3:0FC7/7   rdpid       Rn          RDPID
0FC8+r      bswap       Zv
0FFF        ud          E           end bare
NP:0F38F0   movbe       Gv,Mv       MOVBE
66:0F38F0   movbe       Gv,Mv       MOVBE
NP:0F38F1   movbe       Mv,Gv       MOVBE
66:0F38F1   movbe       Mv,Gv       MOVBE
F2:0F38F0   crc32       b,Gd,Eb     SSE4_2
F2:0F38F1   crc32       v,Gd,Ev     SSE4_2
66:0F38F6   adcx        Gy,Ey       ADX
F3:0F38F6   adox        Gy,Ey       ADX
66:0F3882   invpcid     Gn,Mo       INVPCID end
VEX.NP:0F38F2   andn    Gy,By,Ey    BMI1 L0
VEX.NP:0F38F3/1 blsr    By,Ey       BMI1 L0
VEX.NP:0F38F3/2 blsmsk  By,Ey       BMI1 L0
VEX.NP:0F38F3/3 blsi    By,Ey       BMI1 L0
VEX.NP:0F38F7   bextr   Gy,Ey,By    BMI1 L0
VEX.NP:0F38F5   bzhi    Gy,Ey,By    BMI2 L0
VEX.F3:0F38F5   pext    Gy,By,Ey    BMI2 L0
VEX.F2:0F38F5   pdep    Gy,By,Ey    BMI2 L0
VEX.F2:0F38F6   mulx    Gy,By,Ey    BMI2 L0
VEX.66:0F38F7   shlx    Gy,Ey,By    BMI2 L0
VEX.F3:0F38F7   sarx    Gy,Ey,By    BMI2 L0
VEX.F2:0F38F7   shrx    Gy,Ey,By    BMI2 L0
VEX.F2:0F3AF0   rorx    Gy,Ey,Iu    BMI2 L0
"""
