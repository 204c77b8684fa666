"""Opcode rows: MMX, SSE, SSE2 and their successors in the legacy encoding (SDM vol. 2D, tables A-3, A-4, A-5, A-6).

`NP/66:` is an MMX instruction whose 66 twin is the same on XMM registers (of SSE2 where the row says MMX or SSE).
"""

SSE_FLOAT = """
[SSE sse]
NP:0F10     movups      Vps,Wps
F3:0F10     movss       Vss,Wss
NP:0F11     movups      Wps,Vps
F3:0F11     movss       Wss,Vss
NP:0F12     movlps      Vq,Mq
NP:0F12     movhlps     Vq,Uq
NP:0F13     movlps      Mq,Vq
NP:0F14     unpcklps    Vx,Wx
NP:0F15     unpckhps    Vx,Wx
NP:0F16     movhps      Vq,Mq
NP:0F16     movlhps     Vq,Uq
NP:0F17     movhps      Mq,Vq
NP:0F28     movaps      Vps,Wps
NP:0F29     movaps      Wps,Vps
NP:0F2A     cvtpi2ps    Vps,Qpi
F3:0F2A     cvtsi2ss    Vss,Ey
NP:0F2B     movntps     Mps,Vps
NP:0F2C     cvttps2pi   Ppi,Wps
F3:0F2C     cvttss2si   Gy,Wss
NP:0F2D     cvtps2pi    Ppi,Wps
F3:0F2D     cvtss2si    Gy,Wss
NP:0F2E     ucomiss     Vss,Wss
NP:0F2F     comiss      Vss,Wss
NP:0F50     movmskps    Gd,Ups
NP:0F51     sqrtps      Vps,Wps
F3:0F51     sqrtss      Vss,Wss
NP:0F52     rsqrtps     Vps,Wps
F3:0F52     rsqrtss     Vss,Wss
NP:0F53     rcpps       Vps,Wps
F3:0F53     rcpss       Vss,Wss
NP:0F54     andps       Vps,Wps
NP:0F55     andnps      Vps,Wps
NP:0F56     orps        Vps,Wps
NP:0F57     xorps       Vps,Wps
NP:0F58     addps       Vps,Wps
F3:0F58     addss       Vss,Wss
NP:0F59     mulps       Vps,Wps
F3:0F59     mulss       Vss,Wss
NP:0F5C     subps       Vps,Wps
F3:0F5C     subss       Vss,Wss
NP:0F5D     minps       Vps,Wps
F3:0F5D     minss       Vss,Wss
NP:0F5E     divps       Vps,Wps
F3:0F5E     divss       Vss,Wss
NP:0F5F     maxps       Vps,Wps
F3:0F5F     maxss       Vss,Wss
NP:0FC2     cmpps       Vps,Wps,Iu
F3:0FC2     cmpss       Vss,Wss,Iu
NP:0FC6     shufps      Vps,Wps,Iu
[SSE2 sse]
66:0F10     movupd      Vpd,Wpd
F2:0F10     movsd       Vsd,Wsd
66:0F11     movupd      Wpd,Vpd
F2:0F11     movsd       Wsd,Vsd
66:0F12     movlpd      Vq,Mq
66:0F13     movlpd      Mq,Vq
66:0F14     unpcklpd    Vx,Wx
66:0F15     unpckhpd    Vx,Wx
66:0F16     movhpd      Vq,Mq
66:0F17     movhpd      Mq,Vq
66:0F28     movapd      Vpd,Wpd
66:0F29     movapd      Wpd,Vpd
66:0F2A     cvtpi2pd    Vpd,Qpi
F2:0F2A     cvtsi2sd    Vsd,Ey
66:0F2B     movntpd     Mpd,Vpd
66:0F2C     cvttpd2pi   Ppi,Wpd
F2:0F2C     cvttsd2si   Gy,Wsd
66:0F2D     cvtpd2pi    Ppi,Wpd
F2:0F2D     cvtsd2si    Gy,Wsd
66:0F2E     ucomisd     Vsd,Wsd
66:0F2F     comisd      Vsd,Wsd
66:0F50     movmskpd    Gd,Upd
66:0F51     sqrtpd      Vpd,Wpd
F2:0F51     sqrtsd      Vsd,Wsd
66:0F54     andpd       Vpd,Wpd
66:0F55     andnpd      Vpd,Wpd
66:0F56     orpd        Vpd,Wpd
66:0F57     xorpd       Vpd,Wpd
66:0F58     addpd       Vpd,Wpd
F2:0F58     addsd       Vsd,Wsd
66:0F59     mulpd       Vpd,Wpd
F2:0F59     mulsd       Vsd,Wsd
NP:0F5A     cvtps2pd    Vpd,Wps
66:0F5A     cvtpd2ps    Vps,Wpd
F3:0F5A     cvtss2sd    Vsd,Wss
F2:0F5A     cvtsd2ss    Vss,Wsd
NP:0F5B     cvtdq2ps    Vps,Wdq
66:0F5B     cvtps2dq    Vdq,Wps
F3:0F5B     cvttps2dq   Vdq,Wps
66:0F5C     subpd       Vpd,Wpd
F2:0F5C     subsd       Vsd,Wsd
66:0F5D     minpd       Vpd,Wpd
F2:0F5D     minsd       Vsd,Wsd
66:0F5E     divpd       Vpd,Wpd
F2:0F5E     divsd       Vsd,Wsd
66:0F5F     maxpd       Vpd,Wpd
F2:0F5F     maxsd       Vsd,Wsd
66:0FC2     cmppd       Vpd,Wpd,Iu
F2:0FC2     cmpsd       Vsd,Wsd,Iu
66:0FC6     shufpd      Vpd,Wpd,Iu
66:0FE6     cvttpd2dq   Vdq,Wpd
F3:0FE6     cvtdq2pd    Vpd,Wdq
F2:0FE6     cvtpd2dq    Vdq,Wpd
"""

INTEGER = """
[MMX mmx]
NP/66:0F60  punpcklbw   Pq,Qd
NP/66:0F61  punpcklwd   Pq,Qd
NP/66:0F62  punpckldq   Pq,Qd
NP/66:0F63  packsswb    Pq,Qq
NP/66:0F64  pcmpgtb     Pq,Qq
NP/66:0F65  pcmpgtw     Pq,Qq
NP/66:0F66  pcmpgtd     Pq,Qq
NP/66:0F67  packuswb    Pq,Qq
NP/66:0F68  punpckhbw   Pq,Qq
NP/66:0F69  punpckhwd   Pq,Qq
NP/66:0F6A  punpckhdq   Pq,Qq
NP/66:0F6B  packssdw    Pq,Qq
NP/66:0F6E  movd        Pd,Ed       W0
NP/66:0F6E  movq        Pq,Eq       W1
NP:0F6F     movq        Pq,Qq
NP/66:0F71/2 psrlw      Nq,Iu
NP/66:0F71/4 psraw      Nq,Iu
NP/66:0F71/6 psllw      Nq,Iu
NP/66:0F72/2 psrld      Nq,Iu
NP/66:0F72/4 psrad      Nq,Iu
NP/66:0F72/6 pslld      Nq,Iu
NP/66:0F73/2 psrlq      Nq,Iu
NP/66:0F73/6 psllq      Nq,Iu
NP/66:0F74  pcmpeqb     Pq,Qq
NP/66:0F75  pcmpeqw     Pq,Qq
NP/66:0F76  pcmpeqd     Pq,Qq
NP:0F77     emms        -
NP/66:0F7E  movd        Ed,Pd       W0
NP/66:0F7E  movq        Eq,Pq       W1
NP:0F7F     movq        Qq,Pq
NP/66:0FD1  psrlw       Pq,Qq
NP/66:0FD2  psrld       Pq,Qq
NP/66:0FD3  psrlq       Pq,Qq
NP/66:0FD5  pmullw      Pq,Qq
NP/66:0FD8  psubusb     Pq,Qq
NP/66:0FD9  psubusw     Pq,Qq
NP/66:0FDB  pand        Pq,Qq
NP/66:0FDC  paddusb     Pq,Qq
NP/66:0FDD  paddusw     Pq,Qq
NP/66:0FDF  pandn       Pq,Qq
NP/66:0FE1  psraw       Pq,Qq
NP/66:0FE2  psrad       Pq,Qq
NP/66:0FE5  pmulhw      Pq,Qq
NP/66:0FE8  psubsb      Pq,Qq
NP/66:0FE9  psubsw      Pq,Qq
NP/66:0FEB  por         Pq,Qq
NP/66:0FEC  paddsb      Pq,Qq
NP/66:0FED  paddsw      Pq,Qq
NP/66:0FEF  pxor        Pq,Qq
NP/66:0FF1  psllw       Pq,Qq
NP/66:0FF2  pslld       Pq,Qq
NP/66:0FF3  psllq       Pq,Qq
NP/66:0FF5  pmaddwd     Pq,Qq
NP/66:0FF8  psubb       Pq,Qq
NP/66:0FF9  psubw       Pq,Qq
NP/66:0FFA  psubd       Pq,Qq
NP/66:0FFC  paddb       Pq,Qq
NP/66:0FFD  paddw       Pq,Qq
NP/66:0FFE  paddd       Pq,Qq
[SSE mmx]
NP:0F70     pshufw      Pq,Qq,Iu
NP/66:0FC4  pinsrw      Pq,Ed,Iu
NP/66:0FC5  pextrw      Gd,Nq,Iu
NP/66:0FD7  pmovmskb    Gd,Nq
NP/66:0FDA  pminub      Pq,Qq
NP/66:0FDE  pmaxub      Pq,Qq
NP/66:0FE0  pavgb       Pq,Qq
NP/66:0FE3  pavgw       Pq,Qq
NP/66:0FE4  pmulhuw     Pq,Qq
NP:0FE7     movntq      Mq,Pq
NP/66:0FEA  pminsw      Pq,Qq
NP/66:0FEE  pmaxsw      Pq,Qq
NP/66:0FF6  psadbw      Pq,Qq
NP:0FF7     maskmovq    Pq,Nq
[SSE2 mmx]
NP/66:0FD4  paddq       Pq,Qq
NP/66:0FF4  pmuludq     Pq,Qq
NP/66:0FFB  psubq       Pq,Qq
[SSE2 sse]
66:0F6C     punpcklqdq  Vx,Wx
66:0F6D     punpckhqdq  Vx,Wx
66:0F6F     movdqa      Vx,Wx
F3:0F6F     movdqu      Vx,Wx
66:0F70     pshufd      Vx,Wx,Iu
F3:0F70     pshufhw     Vx,Wx,Iu
F2:0F70     pshuflw     Vx,Wx,Iu
66:0F73/3   psrldq      Ux,Iu
66:0F73/7   pslldq      Ux,Iu
F3:0F7E     movq        Vq,Wq
66:0F7F     movdqa      Wx,Vx
F3:0F7F     movdqu      Wx,Vx
66:0FD6     movq        Wq,Vq
F3:0FD6     movq2dq     Vx,Nq
F2:0FD6     movdq2q     Pq,Uq
66:0FE7     movntdq     Mx,Vx
66:0FF7     maskmovdqu  Vx,Ux
"""

LATER = """
[SSE3 sse]
F3:0F12     movsldup    Vx,Wx
F2:0F12     movddup     Vx,Wx
F3:0F16     movshdup    Vx,Wx
66:0F7C     haddpd      Vpd,Wpd
F2:0F7C     haddps      Vps,Wps
66:0F7D     hsubpd      Vpd,Wpd
F2:0F7D     hsubps      Vps,Wps
66:0FD0     addsubpd    Vpd,Wpd
F2:0FD0     addsubps    Vps,Wps
F2:0FF0     lddqu       Vx,Mx
[SSSE3 mmx]
NP/66:0F3800 pshufb     Pq,Qq
NP/66:0F3801 phaddw     Pq,Qq
NP/66:0F3802 phaddd     Pq,Qq
NP/66:0F3803 phaddsw    Pq,Qq
NP/66:0F3804 pmaddubsw  Pq,Qq
NP/66:0F3805 phsubw     Pq,Qq
NP/66:0F3806 phsubd     Pq,Qq
NP/66:0F3807 phsubsw    Pq,Qq
NP/66:0F3808 psignb     Pq,Qq
NP/66:0F3809 psignw     Pq,Qq
NP/66:0F380A psignd     Pq,Qq
NP/66:0F380B pmulhrsw   Pq,Qq
NP/66:0F381C pabsb      Pq,Qq
NP/66:0F381D pabsw      Pq,Qq
NP/66:0F381E pabsd      Pq,Qq
NP/66:0F3A0F palignr    Pq,Qq,Iu
[SSE4_1 sse]
66:0F3810   pblendvb    Vx,Wx
66:0F3814   blendvps    Vx,Wx
66:0F3815   blendvpd    Vx,Wx
66:0F3817   ptest       Vx,Wx
66:0F3820   pmovsxbw    Vx,Wq
66:0F3821   pmovsxbd    Vx,Wd
66:0F3822   pmovsxbq    Vx,Ww
66:0F3823   pmovsxwd    Vx,Wq
66:0F3824   pmovsxwq    Vx,Wd
66:0F3825   pmovsxdq    Vx,Wq
66:0F3828   pmuldq      Vx,Wx
66:0F3829   pcmpeqq     Vx,Wx
66:0F382A   movntdqa    Vx,Mx
66:0F382B   packusdw    Vx,Wx
66:0F3830   pmovzxbw    Vx,Wq
66:0F3831   pmovzxbd    Vx,Wd
66:0F3832   pmovzxbq    Vx,Ww
66:0F3833   pmovzxwd    Vx,Wq
66:0F3834   pmovzxwq    Vx,Wd
66:0F3835   pmovzxdq    Vx,Wq
66:0F3838   pminsb      Vx,Wx
66:0F3839   pminsd      Vx,Wx
66:0F383A   pminuw      Vx,Wx
66:0F383B   pminud      Vx,Wx
66:0F383C   pmaxsb      Vx,Wx
66:0F383D   pmaxsd      Vx,Wx
66:0F383E   pmaxuw      Vx,Wx
66:0F383F   pmaxud      Vx,Wx
66:0F3840   pmulld      Vx,Wx
66:0F3841   phminposuw  Vx,Wx
66:0F3A08   roundps     Vx,Wx,Iu
66:0F3A09   roundpd     Vx,Wx,Iu
66:0F3A0A   roundss     Vx,Wx,Iu
66:0F3A0B   roundsd     Vx,Wx,Iu
66:0F3A0C   blendps     Vx,Wx,Iu
66:0F3A0D   blendpd     Vx,Wx,Iu
66:0F3A0E   pblendw     Vx,Wx,Iu
66:0F3A14   pextrb      Ed,Vx,Iu
66:0F3A15   pextrw      Ed,Vx,Iu
66:0F3A16   pextrd      Ed,Vx,Iu    W0
66:0F3A16   pextrq      Eq,Vx,Iu    W1
66:0F3A17   extractps   Ed,Vx,Iu
66:0F3A20   pinsrb      Vx,Ed,Iu
66:0F3A21   insertps    Vx,Wx,Iu
66:0F3A22   pinsrd      Vx,Ed,Iu    W0
66:0F3A22   pinsrq      Vx,Eq,Iu    W1
66:0F3A40   dpps        Vx,Wx,Iu
66:0F3A41   dppd        Vx,Wx,Iu
66:0F3A42   mpsadbw     Vx,Wx,Iu
[SSE4_2 sse]
66:0F3837   pcmpgtq     Vx,Wx
66:0F3A60   pcmpestrm   y,Vx,Wx,Iu
66:0F3A61   pcmpestri   y,Vx,Wx,Iu
66:0F3A62   pcmpistrm   Vx,Wx,Iu
66:0F3A63   pcmpistri   Vx,Wx,Iu
[PCLMULQDQ sse]
66:0F3A44   pclmulqdq   Vx,Wx,Iu
[AES sse]
66:0F38DB   aesimc      Vx,Wx
66:0F38DC   aesenc      Vx,Wx
66:0F38DD   aesenclast  Vx,Wx
66:0F38DE   aesdec      Vx,Wx
66:0F38DF   aesdeclast  Vx,Wx
66:0F3ADF   aeskeygenassist Vx,Wx,Iu
[SHA sse]
NP:0F38C8   sha1nexte   Vx,Wx
NP:0F38C9   sha1msg1    Vx,Wx
NP:0F38CA   sha1msg2    Vx,Wx
NP:0F38CB   sha256rnds2 Vx,Wx
NP:0F38CC   sha256msg1  Vx,Wx
NP:0F38CD   sha256msg2  Vx,Wx
NP:0F3ACC   sha1rnds4   Vx,Wx,Iu
"""
