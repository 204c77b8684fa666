"""The two sides of a comparison: the host CPU and our engine, of 32 bits, or of 64 in a module that says `BITS = 64`."""
import pytest
from oracle import Oracle, OracleMissing


def width(request):
    return getattr(request.module, "BITS", 32)


@pytest.fixture(scope="module")
def host(request):
    try:
        with Oracle(width(request)) as oracle:
            yield oracle
    except OracleMissing as e:
        pytest.skip(str(e))


@pytest.fixture(scope="module", params=["step", "block"])
def runner(request):
    from emu_core_pyx.isacheck import CaseRunner
    return CaseRunner(path=request.param, bits=width(request))
