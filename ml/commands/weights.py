"""`python -m ml weights`: which weights are used, and why."""

import argparse
import json
import textwrap
from typing import Any

from ml.commands.common import Parents, described, resolve


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "weights", parents=[parents.model], help="show which weights are used, and their source"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    found = resolve(options)
    if options.json:
        print(json.dumps(described(found) | {"path": str(found.path) if found.path else None} | dict(found.extra)))
        return 0
    spec = found.spec
    print(f"{found.name}  ({found.source})")
    print(f"  file       {found.path or 'none: random, from a fixed seed'}")
    print(f"  sha256     {found.sha256}")
    print(f"  input      {spec.input_size} × {spec.input_size} px, {spec.fit}")
    parts = " + ".join(f"{part.name} {part.dimension}" for part in spec.parts)
    print(
        f"  vector     {spec.dimension} numbers{f' ({parts})' if parts else ''}, {spec.pooling} pooling, {spec.metric}"
    )
    if spec.labels:
        print(f"  predicts   {', '.join(f'{task.name} ({len(task.names)} classes)' for task in spec.labels)}")
    for what, values in found.extra.items():
        print(textwrap.fill(f"  {what:<10} {_summary(values)}", width=100, subsequent_indent=" " * 13))
    return 0


def _summary(values: Any) -> str:
    """The plain values of a JSON object and of nested objects, on one line; --json shows everything."""
    if isinstance(values, dict):
        shown = {key: _summary(value) for key, value in values.items() if not isinstance(value, list)}
        return ", ".join(f"{key}{':' if isinstance(values[key], dict) else ''} {text}" for key, text in shown.items())
    return f"{values:.3g}" if isinstance(values, float) else str(values)
