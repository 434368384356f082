"""What this machine's processor can do."""

from functools import cache
from pathlib import Path

# Products of int8 added up in 32 bits, in one instruction: x86 (AVX-512 and AVX), ARM.
_INT8_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}


@cache
def multiplies_int8(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether networks in int8 run fast and exact here. Processors with AVX2 alone add the products up in 16 bits,
    which overflow. False where it cannot be known."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not _INT8_FLAGS.isdisjoint(flags.split())
