"""Build of the Cython core: every emu_core_pyx/**/*.pyx is an extension module.

EMU_BUILD=debug   bounds checks, -O1, loop dispatch, address and undefined-behaviour sanitizers
EMU_BUILD=profile keeps the symbols, for perf
EMU_JOBS=N        parallel compilers (default: the processors of this machine)
EMU_ONLY=A,B      build only the modules whose path matches one of these globs (development)
"""
import os
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

DEBUG = os.environ.get("EMU_BUILD") == "debug"
ONLY = [g for g in os.environ.get("EMU_ONLY", "").split(",") if g]
JOBS = int(os.environ.get("EMU_JOBS") or os.cpu_count() or 1)

# -fno-inline-functions-called-once keeps slow paths out of handlers (a prologue would cost every execution);
# -fno-strict-aliasing because guest memory is read with every type;
# the two -Wno are what Cython's own output provokes.
CFLAGS = ["-Wno-unused-function", "-Wno-unused-variable", "-fno-strict-aliasing", "-fwrapv"]
if DEBUG:
    CFLAGS += ["-O1", "-g", "-DEMU_LOOP_DISPATCH", "-fsanitize=address,undefined", "-fno-sanitize=alignment"]
    LDFLAGS = ["-fsanitize=address,undefined"]
else:
    CFLAGS += ["-O2", "-g0", "-fno-inline-functions-called-once", "-fno-ipa-cp", "-fno-partial-inlining",
               "-fno-stack-protector", "-fcf-protection=none", "-fno-semantic-interposition", "-fno-plt"]
    LDFLAGS = [] if os.environ.get("EMU_BUILD") == "profile" else ["-Wl,-s"]

DIRECTIVES = {
    "language_level": 3,
    "cdivision": True,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": False,
    "auto_pickle": False,
    "embedsignature": True,
}


class BuildExt(build_ext):
    """Compile extensions in parallel, the largest first."""

    def build_extensions(self):
        self.check_extensions_list(self.extensions)
        order = sorted(self.extensions, key=lambda e: -os.path.getsize(e.sources[0]))
        with ThreadPoolExecutor(JOBS) as pool:
            list(pool.map(self.build_extension, order))


# Built once at start, or only for tests: not worth the compiler's time.
COLD = ("decode/tables.pyx", "mmu/testing.pyx", "isacheck.pyx", "doorcheck.pyx", "interp/x87_probe.pyx")


def flags_for(path):
    """Handlers: every `cdef inline` really is, or two handlers would share one indirect jump at its end."""
    if DEBUG:
        return []
    if path.as_posix().endswith(COLD):
        return ["-O1"]
    if path.parts[1] == "interp":
        return ["-DCYTHON_INLINE=inline __attribute__((always_inline))"]
    return []


class BuildPy(build_py):
    """The built images of roms/ are installed as emu/roms/."""

    def run(self):
        super().run()
        target = Path(self.build_lib) / "emu" / "roms"
        self.mkpath(str(target))
        for image in sorted(Path("roms").glob("*")):
            self.copy_file(str(image), str(target / image.name))


def extensions():
    """One module per .pyx, named by its path."""
    return [
        Extension(".".join(p.with_suffix("").parts), [str(p)], extra_compile_args=CFLAGS + flags_for(p), extra_link_args=LDFLAGS)
        for p in sorted(Path("emu_core_pyx").rglob("*.pyx"))
        if not ONLY or any(fnmatch(str(p), g) for g in ONLY)
    ]


setup(
    ext_modules=cythonize(extensions(), nthreads=JOBS if JOBS > 1 else 0, compiler_directives=DIRECTIVES,
                          build_dir="build/cython"),
    cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
)
