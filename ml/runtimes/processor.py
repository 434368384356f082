"""The capabilities of this machine's processor."""

from functools import cache
from pathlib import Path

# Instructions that add products of int8 up in 32 bits: x86 (AVX-512 and AVX), ARM.
_INT8_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}


@cache
def multiplies_int8(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether networks in int8 run fast and exactly here. Processors with only AVX2 add the products up in 16 bits,
    which overflow. False if it cannot be determined."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not _INT8_FLAGS.isdisjoint(flags.split())
