"""Each kind of page that shoppers see, as Chromium gets it from a running shop: weight, paint, shift, accessibility."""

from __future__ import annotations

import os
from contextlib import nullcontext

from bench.browser import chromium
from bench.pages.demo import running_demo
from bench.pages.kinds import kinds
from bench.pages.measuring import measured
from bench.pages.table import head, missed, row


def measure(*, url: str, limit: int | None, runs: int, only: str) -> bool:
    """Print a table with a row for each kind of page; False if a figure misses its target."""
    with nullcontext(url.rstrip("/")) if url else running_demo(limit) as address, chromium() as browser:
        load = (
            f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: the times are those of idle cores only below 1."
        )
        print("\n".join(["", load, "", *head()]), flush=True)
        found = []
        for kind in kinds(address, browser):
            if only not in kind.name:
                continue
            if not kind.path:
                print(f"| {kind.name}: this shop has none |")
                continue
            found.append(measured(browser, address, kind, runs))
            print(row(found[-1]), flush=True)
    problems = missed(found)
    print("\n".join(["", *(problems or ["Every figure meets its target."])]))
    return not problems
