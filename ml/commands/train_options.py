"""The options of `python -m ml train`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from common.arguments import not_negative, number, positive
from ml.commands.common import Parents
from ml.training.plan import LOSSES

MINING = ("semi-hard", "batch-hard")
_DESCRIPTION = """\
Fine-tune a network on labelled pictures: a folder per class, or styles.csv next to images/, as a
folder or a zip (`manage.py export_training_set` writes one from the shop). Evaluates after every
epoch and keeps the best epoch as model.npz. To resume a run that stopped, repeat the command."""
_EXAMPLES = """\
examples:
  python -m ml train photos/ --loss classic-triplet --out runs/triplet      32 triplets a batch, margin 0.2
  python -m ml train catalog.zip --loss classify --out runs/classifier      accuracy, loss and F-score
  python -m ml train catalog.zip --split split.json --sizes 64x4,80x3 --out runs/first
  KERAS_BACKEND=torch python -m ml train …                                  where PyTorch is installed

losses:
  softmax          normalised softmax: a direction for each class (the default)
  joint            triplet loss before, normalised softmax after a batch-norm neck
  classify         softmax on the pooled features; the model also predicts classes
  triplet          mined in batches of P classes × K pictures
  classic-triplet  random (anchor, positive, negative), 32 triplets a batch"""


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    parents: Parents,
    command: Callable[[argparse.Namespace], int],
) -> None:
    parser = commands.add_parser(
        "train",
        help="fine-tune a network on labelled pictures",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder or zip of labelled pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model, checkpoint and report")
    parser.add_argument("--loss", choices=LOSSES, default="softmax", help="default: %(default)s")
    parser.add_argument(
        "--init", dest="weights", metavar="WEIGHTS", help="weights to start from (default: the best available)"
    )
    parser.add_argument("--split", type=Path, metavar="FILE", help="from `python -m ml split` (default: made here)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.set_defaults(command=command, pooling=None)
    add = parser.add_argument_group("the model").add_argument
    add("--dimension", type=positive, help="length of the vector (default: 256; classify: the 2048 pooled features)")
    add("--margin", type=number(0), default=0.2, help="of the triplet losses (default: %(default)s)")
    add("--mining", choices=MINING, default="semi-hard", help="of triplet and joint (default: %(default)s)")
    add("--scale", type=number(0), default=16.0, help="of the cosines in the normalised softmax (default: %(default)s)")
    add("--fit", choices=("letterbox", "stretch"), default="letterbox", help="default: %(default)s")
    add("--cosine-margin", type=number(0, 1), default=0.0, help="subtracted from the cosine of the right class, which "
        "draws a class together (default: %(default)s)")  # fmt: skip
    add("--train-norms", action="store_true", help="train the batch norms instead of folding them into the "
        "convolutions: slower on a processor, better for long trainings")  # fmt: skip
    add("--half", action="store_true", help="compute the backbone in bfloat16: twice as fast on a GPU")
    add = parser.add_argument_group("a teacher").add_argument
    add("--teacher", metavar="WEIGHTS", help="another model; its vector of each picture is computed once, and learned")
    add("--teacher-cosine", type=number(0), default=4.0, metavar="WEIGHT", help="of the cosine with its vectors, if "
        "they are as long as this model's (default: %(default)s)")  # fmt: skip
    add("--teacher-relations", type=number(0), default=1.0, metavar="WEIGHT", help="of the likenesses that it sees "
        "among the pictures of a batch (default: %(default)s)")  # fmt: skip
    add = parser.add_argument_group("the schedule").add_argument
    add("--sizes", default="48x2,64x3,80x4", help="SIZExEPOCHS, small pictures first; 72-160x9 trains nine epochs at "
        "random sizes, with --views real (default: %(default)s)")  # fmt: skip
    add(
        "--frozen-epochs",
        type=number(0),
        default=0.25,
        metavar="N",
        help="train only the heads at first (default: %(default)s)",
    )
    add("--learning-rate", type=number(0), default=3e-4, help="peak (default: %(default)s)")
    add("--head-learning-rate", type=number(0), default=1e-3, help="while frozen (default: %(default)s)")
    add("--refit-epochs", type=not_negative, default=30, metavar="N", help="at the end, train only the heads on "
        "fixed features (default: %(default)s; 0: skip this step)")  # fmt: skip
    add(
        "--no-histogram",
        action="store_true",
        help="in that step, the colour part does not read the picture's own colours",
    )
    add("--weight-decay", type=number(0), default=0.02, help="default: %(default)s")
    add("--averaging", type=number(0, 1, below=True), default=0.999, help="decay of the moving average that is kept "
        "(default: %(default)s)")  # fmt: skip
    add("--patience", type=not_negative, default=0, metavar="N", help="stop after N epochs at the last size without "
        "improvement (default: never)")  # fmt: skip
    add("--steps", type=positive, help="per epoch (default: enough to see every picture once)")
    add = parser.add_argument_group("the batches").add_argument
    add("--classes", type=positive, default=16, help="P of P×K (default: %(default)s)")
    add("--each", type=positive, default=4, help="K of P×K (default: %(default)s)")
    add(
        "--power",
        type=number(0),
        default=0.5,
        help="a class of n pictures is drawn with weight n^POWER (default: %(default)s)",
    )
    add("--no-augment", action="store_true", help="do not augment pictures")
    add("--views", choices=("studio", "real"), default="studio", help="studio: small changes to studio pictures; real: "
        "pictures as shops have them, of any framing, sharpness and background, made on the GPU if there is one "
        "(default: %(default)s)")  # fmt: skip
    add("--extra", type=Path, action="append", default=[], metavar="DATA", help="another set, e.g. amateur photos; its "
        "pictures are backgrounds too; may be repeated")  # fmt: skip
    add("--extra-classes", type=Path, action="append", default=[], metavar="JSON",
        help="what the first set calls the extra set's types, or null: {\"T-Shirt\": \"Tshirts\", …}")  # fmt: skip
    add("--extra-split", type=Path, action="append", default=[], metavar="FILE",
        help="split of an extra set (default: made here)")  # fmt: skip
    add("--own-types", action="store_true", help="also learn the extra sets' own names of types, which may be finer")
    add("--extra-share", type=number(0, 0.9), default=0.15, help="share of every batch for all extra sets together; "
        "classic-triplet draws from all pictures equally (default: %(default)s)")  # fmt: skip
    add = parser.add_argument_group("keeping").add_argument
    add(
        "--gallery",
        type=not_negative,
        default=4000,
        help="training pictures to search after every epoch (default: %(default)s)",
    )
    add("--checkpoint-minutes", type=number(0), default=5.0, help="default: %(default)s")
    add("--cache-dir", type=Path, default=parents.model.get_default("cache_dir"), help="default: %(default)s")
    add("--restart", action="store_true", help="start over: remove model, checkpoint and report in the folder, "
        "keep splits")  # fmt: skip
