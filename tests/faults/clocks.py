"""Wrong clocks: one process sees a different time of day than the others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

# A host's wrong clock changes every function that returns the time of day, and no other clock.
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long skew(void) { const char *s = getenv("FAULT_SKEW"); return s ? atol(s) : 0; }

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (!result && clock == CLOCK_REALTIME) now->tv_sec += skew();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec found;
    int result = clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}
"""


def skewed(folder: Path, seconds: int) -> dict[str, str]:
    """Environment of a process whose clock is this many seconds fast (or slow, if negative)."""
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(SOURCE)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.fail("This test sets a process's clock with a few lines of C: install a C compiler (apt: gcc).")
    return {"LD_PRELOAD": str(library), "FAULT_SKEW": str(seconds)}
