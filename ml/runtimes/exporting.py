"""Exporting in a separate process, which frees its memory when it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.weights import WeightsError


def export_in_own_process(
    setting: str | None,
    destination: Path,
    cache_dir: Path,
    *,
    pooling: str | None = None,
    precision: str | None = None,
    log: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run `python -m ml export` and return its JSON line.

    Args:
        setting: as for `ml.weights.resolve`.
        precision: as for `ml.networks.export.export_onnx`.
        log: called with each line of progress.

    Raises:
        WeightsError: the export failed; the message is the export's own.
    """
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-m", "ml", "export", "--out", str(destination.resolve()), "--json"]
    command += ["--cache-dir", str(cache_dir.resolve())]
    if setting:
        command += ["--weights", setting]
    if pooling:
        command += ["--pooling", pooling]
    if precision:
        command += ["--precision", precision]
    search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": search_path},
    ) as child:
        assert child.stdout is not None  # noqa: S101  (PIPE, for mypy)
        assert child.stderr is not None  # noqa: S101
        last_words = ""
        for line in filter(None, map(str.strip, child.stderr)):
            last_words = line
            if log:
                log(line)
        output = child.stdout.read()
    if child.returncode != 0:
        reason = last_words.removeprefix("error: ") or f"exit code {child.returncode}"
        raise WeightsError(f"The graph of {setting or 'the network'} cannot be made: {reason}")
    described: dict[str, Any] = json.loads(output.splitlines()[-1])
    return described
