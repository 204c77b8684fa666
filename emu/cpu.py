"""What `-cpu NAME,+x,-y,z=on` means: a model of the core and the features it shows, checked.

A feature that is shown is implemented, and one that is not shown is #UD, #GP or reserved; names are QEMU's, and those of
/proc/cpuinfo where they differ.  Not here: vendor=, family= and the like; a model has the identity of its name.
"""
from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from .core import cpu_tables
from .errors import ConfigError, suggest

ALIASES = {
    "pni": "sse3", "sse4-1": "sse4.1", "sse4-2": "sse4.2", "pclmuldq": "pclmulqdq", "xd": "nx", "i64": "lm", "lzcnt": "abm",
    "pse-36": "pse36", "clfsh": "clflush", "sha": "sha-ni", "cmpxchg8": "cx8", "cmpxchg16": "cx16", "lahf-lm": "lahf_lm",
}
# a feature and what it cannot do without (QEMU's feature_dependencies, and the SDM where it says "requires")
NEEDS = {
    "lm": ("pae", "msr"), "nx": ("pae", "msr"), "lahf_lm": ("lm",), "cx16": ("lm", "cx8"), "pcid": ("lm",),
    "fsgsbase": ("lm",), "pdpe1gb": ("lm",), "sep": ("msr",), "syscall": ("msr",), "apic": ("msr",), "mtrr": ("msr",),
    "mca": ("msr",), "pat": ("msr",), "rdtscp": ("tsc", "msr"), "tsc-deadline": ("apic", "tsc"),
    "arch-capabilities": ("msr",), "mmx": ("fpu",), "fxsr": ("fpu",), "sse": ("fxsr",), "sse2": ("sse",), "sse3": ("sse2",),
    "ssse3": ("sse3",), "sse4.1": ("ssse3",), "sse4.2": ("sse4.1",), "aes": ("sse2",), "pclmulqdq": ("sse2",),
    "sha-ni": ("sse2",), "xsave": ("fxsr",),
}
LATER = frozenset("""
3dnow 3dnowext 3dnowprefetch acpi amx-tile avx avx2 avx512f avx512bw avx512cd avx512dq avx512vl clflushopt clwb cmp-legacy
cr8legacy ds dtes64 erms est f16c fma fma4 fsrm fxsr-opt gfni ht ibpb ibrs invtsc kvmclock la57 mmxext monitor mpx
osvw pbe pdcm perfctr-core pku pn rdpid rtm hle skinit smx spec-ctrl ss sse4a ssbd stibp svm tbm tm tm2 topoext vaes vmx
vpclmulqdq x2apic xgetbv1 xop xsavec xsaveopt xsaves xtpr
""".split())
SETTINGS = ("check", "enforce", "migratable", "pmu", "kvm")     # on or off changes nothing here: what cannot be had is refused


@dataclass(frozen=True, slots=True)
class Cpu:
    """A model of the core and its feature mask."""

    model: str
    features: frozenset[str]
    feat: int


@cache
def tables() -> tuple[dict[str, frozenset[str]], dict[str, int]]:
    """Features of every model, and the bit of every feature."""
    return cpu_tables()


def models() -> tuple[str, ...]:
    """Names of the models."""
    return tuple(tables()[0])


def _feature(word: str, text: str) -> str:
    """The one name of a feature; ConfigError when there is none."""
    bits = tables()[1]
    name = word.lower()
    for known in (name, name.replace("_", "-"), name.replace("-", "_"), ALIASES.get(name.replace("_", "-"), "")):
        if known in bits:
            return known
    if name.replace("_", "-") in LATER:
        return ""
    names = [*bits, *ALIASES]
    raise ConfigError(f"cpu {text!r}: unknown feature {word!r}" + (suggest(name, names) or "; -cpu help lists them"))


def _wishes(parts: Iterable[str], text: str) -> dict[str, bool]:
    """Feature: wanted or not, the last word counts."""
    out: dict[str, bool] = {}
    for part in parts:
        if part[:1] in "+-" and len(part) > 1:
            word, wanted = part[1:], part[0] == "+"
        else:
            word, equals, value = part.partition("=")
            if word in ("vendor", "family", "model", "stepping", "model-id", "level", "xlevel", "phys-bits", "host-phys-bits"):
                raise ConfigError(f"cpu {text!r}: {word} cannot be set; a model has its own ({', '.join(models())})")
            if not word or value.lower() not in ("on", "off", "yes", "no", "true", "false", *(() if equals else ("",))):
                raise ConfigError(f"cpu {text!r}: {part!r} is not a feature; write +NAME, -NAME or NAME=on|off")
            wanted = value.lower() not in ("off", "no", "false")
        if word in SETTINGS:
            continue
        name = _feature(word, text)
        if not name:
            if wanted:
                raise ConfigError(f"cpu {text!r}: feature {word!r} is not implemented; -cpu help lists what is")
            continue
        out[name] = wanted
    return out


def parse_cpu(text: str) -> Cpu:
    """`NAME[,+x][,-x][,x=on|off]...`; ConfigError names what is wrong."""
    known, bits = tables()
    model, *parts = (part.strip() for part in str(text).split(","))
    if model not in known:
        raise ConfigError(f"unknown cpu {model!r}" + suggest(model, known))
    wishes = _wishes(parts, text)
    have = {name for name in known[model] if wishes.get(name, True)} | {name for name, wanted in wishes.items() if wanted}
    while True:
        alone = {name: [n for n in NEEDS.get(name, ()) if n not in have] for name in have}
        gone = {name for name, missing in alone.items() if missing}
        for name in sorted(gone):
            if wishes.get(name):
                raise ConfigError(f"cpu {text!r}: {name} needs {alone[name][0]}, which this processor would not have; "
                                  f"add +{alone[name][0]}")
        if not gone:
            break
        have -= gone
    feat = 0
    for name in have:
        feat |= bits[name]
    return Cpu(model, frozenset(have), feat)


def help_text() -> str:
    """For -cpu help."""
    known, bits = tables()
    rows = [f"  {name:<12}{'64-bit' if 'lm' in has else '32-bit'}, {len(has)} features" for name, has in known.items()]
    flags = textwrap.wrap(" ".join(sorted(bits)), 100, break_on_hyphens=False, initial_indent="  ", subsequent_indent="  ")
    head = "Features (-cpu NAME,+x,-y,z=on|off); what needs a feature goes with it:"
    return "\n".join(["Processor models:", *rows, "", head, *flags])
