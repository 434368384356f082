"""`python -m ml split`."""

import argparse
from collections import Counter
from pathlib import Path

from common.arguments import not_negative, number
from ml.commands.common import Parents, note
from ml.commands.data import backgrounds_in, prepared_set
from ml.datasets import groups_of, split, write_split


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", parents: Parents) -> None:
    parser = commands.add_parser(
        "split",
        help="divide a labelled set into train, val and test",
        description="Divide a labelled set so that no product is on two sides, and no background: pictures with the "
        "same display name, the same pixels or a near-identical background stay together.",
    )
    parser.add_argument("data", type=Path, help="folder or zip: styles.csv + images/, or a folder per class")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="e.g. split.json")
    parser.add_argument(
        "--val", type=number(0, 1, below=True), default=0.05, help="share for validation (default: 0.05)"
    )
    parser.add_argument(
        "--test", type=number(0, 1, below=True), default=0.1, help="share for the final measurement (default: 0.1)"
    )
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument(
        "--hold-out", type=not_negative, default=0, metavar="N", help="put all products of N types into test"
    )
    parser.add_argument(
        "--ignore-backgrounds",
        action="store_true",
        help="allow photos with the same background on two sides, as in the splits of the bundled models",
    )
    parser.set_defaults(command=_split)


def _split(options: argparse.Namespace) -> int:
    prepared = prepared_set(options.data, input_size=80, fit="letterbox")
    groups = groups_of(prepared.samples, prepared.digests)
    chosen = split(
        prepared.samples,
        groups,
        backgrounds=None if options.ignore_backgrounds else backgrounds_in(prepared),
        val=options.val,
        test=options.test,
        seed=options.seed,
        hold_out=options.hold_out,
    )
    write_split(options.out, chosen)
    counts = Counter(chosen.sides.values())
    if chosen.held_out_types:
        note(f"Held out of training: {', '.join(chosen.held_out_types)}.")
    print(f"{options.out}: {', '.join(f'{counts[side]:,} {side}' for side in ('train', 'val', 'test'))}")
    return 0
