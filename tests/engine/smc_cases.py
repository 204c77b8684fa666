"""Every way an instruction can write memory, as code that patches what follows it.

Each entry is Intel-syntax code that writes at [edi] (EDI is given to it), to be followed by a field of NOPs: patched
bytes become other instructions, 0x40 (INC EAX) where the value can be chosen.  EAX..EDX hold 0x40404040.
"""

PLAIN = {
    "mov8": "mov [edi], al", "mov16": "mov [edi], ax", "mov32": "mov [edi], eax",
    "mov8i": "mov byte ptr [edi], 0x40", "mov16i": "mov word ptr [edi], 0x4040", "mov32i": "mov dword ptr [edi], 0x40404040",
    "xchg8": "xchg [edi], al", "xchg16": "xchg [edi], ax", "xchg32": "xchg [edi], eax",
    "xadd8": "xadd [edi], cl", "xadd32": "xadd [edi], ecx", "lock_xadd32": "lock xadd [edi], ecx",
    "cmpxchg8": "mov al, [edi]\ncmpxchg [edi], cl", "cmpxchg32": "mov eax, [edi]\ncmpxchg [edi], ecx",
    "cmpxchg_fail": "mov eax, 5\ncmpxchg [edi], ecx",
    "cmpxchg8b": "mov eax, [edi]\nmov edx, [edi+4]\nmov ebx, 0x40404040\nmov ecx, ebx\ncmpxchg8b [edi]",
    "lock_cmpxchg8b": "mov eax, [edi]\nmov edx, [edi+4]\nmov ebx, 0x40404040\nmov ecx, ebx\nlock cmpxchg8b [edi]",
    "inc8": "inc byte ptr [edi]", "inc32": "inc dword ptr [edi]", "dec16": "dec word ptr [edi]", "lock_inc": "lock inc dword ptr [edi]",
    "not8": "not byte ptr [edi]", "not32": "not dword ptr [edi]", "neg8": "neg byte ptr [edi]", "neg32": "neg dword ptr [edi]",
    "shl8": "shl byte ptr [edi], 1", "shl32": "shl dword ptr [edi], 3", "sar32cl": "sar dword ptr [edi], cl",
    "rol32": "rol dword ptr [edi], 4", "rcr16": "rcr word ptr [edi], 1", "rcl32cl": "rcl dword ptr [edi], cl",
    "shld": "shld [edi], eax, 4", "shrdcl": "shrd [edi], eax, cl",
    "bts_i": "bts dword ptr [edi], 5", "btr_i": "btr dword ptr [edi], 7", "btc_i": "btc dword ptr [edi], 4",
    "bts_r": "mov eax, 37\nbts [edi], eax", "btc_r": "mov eax, 12\nbtc [edi], eax", "lock_btr_r": "mov eax, 7\nlock btr [edi], eax",
    "setz": "cmp eax, eax\nsetz [edi]", "setg": "cmp eax, 3\nsetg [edi]",
    "mov_sreg": "mov [edi], ds", "movnti": "movnti [edi], eax",
    "push_m": "mov esp, edi\nadd esp, 4\npush dword ptr [esp+0x400]", "push_r": "lea esp, [edi+4]\npush eax",
    "push_r16": "lea esp, [edi+2]\npush ax", "push_i": "lea esp, [edi+4]\npush 0x40404040", "push_i8": "lea esp, [edi+4]\npush 0x40",
    "push_push": "lea esp, [edi+8]\npush eax\npush ecx", "push_sreg": "lea esp, [edi+4]\npush ds", "push_fs": "lea esp, [edi+4]\npush fs",
    "pushf": "lea esp, [edi+4]\npushf", "pusha": "lea esp, [edi+32]\npusha", "pushaw": "lea esp, [edi+16]\npushaw",
    "pop_m": "push eax\npop dword ptr [edi]", "enter": "mov ebp, eax\nlea esp, [edi+4]\nenter 0, 0",
    "enter1": "lea ebp, [edi+0x500]\nlea esp, [edi+8]\nenter 0, 1",
    "call_near": "lea esp, [edi+4]\ncall 9f\n9:", "call_reg": "lea esp, [edi+4]\nmov esi, offset 9f\ncall esi\n9:",
    "call_far": "lea esp, [edi+8]\n.byte 0x9a\n.long 9f\n.word 8\n9:",
    "stosb": "cld\nstosb", "stosw": "cld\nstosw", "stosd": "cld\nstosd", "movsb": "cld\nmov esi, offset fill\nmovsb",
    "movsd": "cld\nmov esi, offset fill\nmovsd", "std_stosd": "std\nstosd\ncld",
    "rep_stosb": "mov ecx, 7\ncld\nrep stosb", "rep_stosd": "mov ecx, 3\ncld\nrep stosd", "rep_stosw": "mov ecx, 5\nrep stosw",
    "std_rep_stosd": "lea edi, [edi+8]\nmov ecx, 3\nstd\nrep stosd\ncld",
    "rep_movsb": "mov ecx, 7\nmov esi, offset fill\nrep movsb", "rep_movsd": "mov ecx, 3\nmov esi, offset fill\nrep movsd",
    "rep_movsw": "mov ecx, 3\nmov esi, offset fill\nrep movsw",
    "insb": "mov dx, 0x300\ninsb", "insd": "mov dx, 0x300\ninsd", "rep_insb": "mov dx, 0x300\nmov ecx, 5\nrep insb",
    "sgdt": "sgdt [edi]", "sidt": "sidt [edi]", "sldt": "sldt [edi]", "str": "str [edi]", "smsw": "smsw [edi]",
    "arpl": "mov ax, 3\narpl [edi], ax",
}
for _op in ("add", "or", "adc", "sbb", "and", "sub", "xor"):
    PLAIN[f"{_op}8"] = f"{_op} [edi], al"
    PLAIN[f"{_op}16"] = f"{_op} [edi], ax"
    PLAIN[f"{_op}32"] = f"mov eax, 0xB0B0B0B0\n{_op} [edi], eax"
    PLAIN[f"{_op}8i"] = f"{_op} byte ptr [edi], 0x30"
    PLAIN[f"{_op}32i"] = f"{_op} dword ptr [edi], 0x30303030"
    PLAIN[f"{_op}32i8"] = f"{_op} dword ptr [edi], 0x10"
    PLAIN[f"lock_{_op}"] = f"lock {_op} [edi], ecx"
    PLAIN[f"{_op}_fused"] = f"{_op} dword ptr [edi], 0x30\njz 8f\nnop\n8:"

X87 = {
    "fst32": "fld qword ptr [fval]\nfst dword ptr [edi]", "fstp32": "fld dword ptr [fval]\nfstp dword ptr [edi]",
    "fst64": "fld qword ptr [fval]\nfst qword ptr [edi]", "fstp64": "fld qword ptr [fval]\nfstp qword ptr [edi]",
    "fstp80": "fld tbyte ptr [fill]\nfstp tbyte ptr [edi]", "fist16": "fild word ptr [fill]\nfist word ptr [edi]",
    "fistp16": "fild word ptr [fill]\nfistp word ptr [edi]", "fist32": "fild dword ptr [fill]\nfist dword ptr [edi]",
    "fistp32": "fild dword ptr [fill]\nfistp dword ptr [edi]", "fistp64": "fild qword ptr [fill]\nfistp qword ptr [edi]",
    "fbstp": "fild dword ptr [fill]\nfbstp tbyte ptr [edi]", "fnstcw": "fnstcw [edi]", "fnstsw": "fnstsw [edi]",
    "fnstenv": "fnstenv [edi]", "fnsave": "fnsave [edi]",
}

SSE = {
    "movss": "movss [edi], xmm0", "movsd_x": "movsd [edi], xmm0", "movups": "movups [edi], xmm0", "movaps": "movaps [edi], xmm0",
    "movupd": "movupd [edi], xmm0", "movapd": "movapd [edi], xmm0", "movdqa": "movdqa [edi], xmm0", "movdqu": "movdqu [edi], xmm0",
    "movlps": "movlps [edi], xmm0", "movhps": "movhps [edi], xmm0", "movlpd": "movlpd [edi], xmm0", "movhpd": "movhpd [edi], xmm0",
    "movntps": "movntps [edi], xmm0", "movntpd": "movntpd [edi], xmm0", "movntdq": "movntdq [edi], xmm0",
    "movd_x": "movd [edi], xmm0", "movq_x": "movq [edi], xmm0", "maskmovdqu": "movdqa xmm1, xmm0\npor xmm1, [high]\nmaskmovdqu xmm0, xmm1",
    "movd_m": "movd mm0, eax\nmovd [edi], mm0", "movq_m": "movq mm0, [fill]\nmovq [edi], mm0", "movntq": "movq mm0, [fill]\nmovntq [edi], mm0",
    "maskmovq": "movq mm0, [fill]\nmovq mm1, [high]\nmaskmovq mm0, mm1", "stmxcsr": "stmxcsr [edi]",
}

# These write bytes that are not code to run on with; only that the cut makes no difference is looked at.
WIDE = {"fnsave", "fnstenv", "pusha", "sgdt", "sidt"}

STORES = PLAIN | X87 | SSE
