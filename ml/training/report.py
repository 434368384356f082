"""The report of a training: figures, curves, confusion and neighbours on one page."""

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.files.sheets import Tile, contact_sheet
from ml.training.scores import ClassificationScores
from ml.training.sources import Vocabulary
from ml.training.validation import Held, Validation

_CONFUSED = 25  # classes in the confusion matrix: the most frequent ones
_SHEET_ROWS = 12
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#18181b}
img{max-width:100%;height:auto;border:1px solid #e4e4e7}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #e4e4e7}
td:first-child,th:first-child{text-align:left}
.best{background:#f0fdf4}.scroll{overflow-x:auto}"""


def write_report(
    folder: Path,
    history: Sequence[Mapping[str, Any]],
    *,
    found: Validation | None,
    held: Held | None,
    vocabulary: Vocabulary,
    about: Mapping[str, Any],
) -> None:
    """Write report.json, index.html and its pictures, each file whole or not at all.

    Args:
        history: one entry per epoch.
        found: the validation of this epoch if it is the best so far; None keeps the pictures of the best one.
        held: the validation pictures; None if there are none.
        about: what was trained, for the top of the page.

    Raises:
        OSError: a file cannot be written; the earlier one stays.
    """
    document: dict[str, Any] = {"about": dict(about), "epochs": list(history)}
    pictures = {"Learning curves": _curves(folder / "curves.png", history)}
    if found and held:
        document["classification"] = {
            task: _per_class(scores, vocabulary[task]) for task, scores in found.classification.items()
        }
        for task, scores in found.classification.items():
            _confusion(_confusion_path(folder, task), scores, vocabulary[task])
        _neighbours(folder / "neighbours.png", found, held, vocabulary)
    elif held and (folder / "report.json").is_file():
        document["classification"] = json.loads((folder / "report.json").read_text()).get("classification", {})
    # Only these: an earlier run with another loss may have left other pictures in the folder.
    pictures |= {f"Confusion: {task}": _confusion_path(folder, task) for task in document.get("classification", {})}
    if held and (folder / "neighbours.png").is_file():
        pictures["Nearest neighbours"] = folder / "neighbours.png"
    _replace(folder / "report.json", json.dumps(document, indent=1).encode())
    _replace(folder / "index.html", _page(document, pictures).encode())


def remove_report(folder: Path) -> None:
    """Remove everything that `write_report` writes."""
    names = ("report.json", "index.html", "curves.png", "neighbours.png")
    for path in [*(folder / name for name in names), *folder.glob(_confusion_path(folder, "*").name)]:
        path.unlink(missing_ok=True)


def _confusion_path(folder: Path, task: str) -> Path:
    return folder / f"confusion-{task}.png"


def _curves(path: Path, history: Sequence[Mapping[str, Any]]) -> Path:
    figure, (left, right) = _figure(1, 2, (11, 4))
    epochs = [entry["epoch"] for entry in history]
    losses = sorted({name for entry in history for name in entry["training"] if name.startswith("loss")})
    for name in losses:
        left.plot(epochs, [entry["training"].get(name) for entry in history], marker="o", label=name)
    left.set_title("training loss")
    shown = sorted({name for entry in history for name in entry["validation"]})
    for name in [name for name in shown if name.endswith(("_p10", "_map_r", "_accuracy", "_macro_f"))]:
        right.plot(epochs, [entry["validation"].get(name) for entry in history], marker="o", label=name)
    right.set_title("validation")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=7)
    return _saved(figure, path)


def _confusion(path: Path, scores: ClassificationScores, names: Sequence[str]) -> None:
    often = np.sort(np.argsort(-scores.support, kind="stable")[: min(_CONFUSED, int((scores.support > 0).sum()))])
    shares = scores.confusion[np.ix_(often, often)] / np.maximum(scores.support[often, None], 1)
    side = max(4.0, 0.32 * len(often) + 2.5)
    figure, axes = _figure(1, 1, (side, side))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(often)), [names[index] for index in often], rotation=90, fontsize=7)
    axes.set_yticks(range(len(often)), [names[index] for index in often], fontsize=7)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for row, column in np.argwhere(shares >= 0.1):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=6, color=colour)
    _saved(figure, path)


def _neighbours(path: Path, found: Validation, held: Held, vocabulary: Vocabulary) -> None:
    """A few queries of the validation side with their nearest pictures, green if the type is the same."""
    types = held.labels["type"]
    queries = np.random.default_rng(0).permutation(held.queries)[:_SHEET_ROWS]
    rows = []
    for query in queries.tolist():
        row = [Tile(held.pixels[query], _named(types[query], vocabulary))]
        row += [
            Tile(held.pixels[index], _named(types[index], vocabulary), bool(types[index] == types[query]))
            for index in found.nearest[query][:6].tolist()
        ]
        rows.append(row)
    sheet = contact_sheet(rows, tile=96, title="Validation pictures and their six nearest")
    with _whole(path) as draft:
        sheet.save(draft, "PNG")


def _named(label: int, vocabulary: Vocabulary) -> str:
    return vocabulary["type"][label] if label >= 0 else "no label"


def _per_class(scores: ClassificationScores, names: Sequence[str]) -> dict[str, Any]:
    there = np.flatnonzero(scores.support)
    return {
        "pictures": scores.count,
        "accuracy": scores.accuracy,
        "macro_f": scores.macro_f,
        "weighted_f": scores.weighted_f,
        "classes": {
            names[index]: {
                "pictures": int(scores.support[index]),
                "precision": float(scores.precision[index]),
                "recall": float(scores.recall[index]),
                "f_score": float(scores.f_score[index]),
            }
            for index in there.tolist()
        },
    }


def _page(document: Mapping[str, Any], pictures: Mapping[str, Path]) -> str:
    about = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(str(value))}</td></tr>"
        for name, value in document["about"].items()
    )
    epochs = document["epochs"]
    names = sorted({name for entry in epochs for name in entry["validation"]})
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("epoch", "px", "loss", *names, "minutes"))
    rows = "".join(
        f"<tr{' class=best' if entry['best'] else ''}><td>{_number(entry)}</td><td>{entry['size']}</td>"
        f"<td>{_loss(entry['training'])}</td>"
        + "".join(f"<td>{entry['validation'].get(name, float('nan')):.3f}</td>" for name in names)
        + f"<td>{entry['seconds'] / 60:.1f}</td></tr>"
        for entry in epochs
    )
    shown = "".join(
        f'<h2>{html.escape(title)}</h2><img src="{html.escape(path.name)}" alt="{html.escape(title)}">'
        for title, path in pictures.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Training report</title><style>{_STYLE}</style><h1>Training report</h1>"
        f'<div class="scroll"><table>{about}</table></div><h2>Epochs</h2>'
        f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'
        "<p>Highlighted epochs are better than all before them. The last of them is the model that was kept.</p>"
        f"{shown}</html>"
    )


def _number(entry: Mapping[str, Any]) -> str:
    return "heads" if "heads_alone" in entry else str(entry["epoch"])


def _loss(training: Mapping[str, float]) -> str:
    return f"{training['loss']:.4f}" if "loss" in training else "–"


def _figure(rows: int, columns: int, size: tuple[float, float]) -> Any:
    # Without pyplot, which keeps every figure and chooses a window system.
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def _saved(figure: Any, path: Path) -> Path:
    with _whole(path) as draft:
        figure.savefig(draft, dpi=110, format="png")
    return path


def _replace(path: Path, content: bytes) -> None:
    with _whole(path) as draft:
        draft.write_bytes(content)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A draft that becomes `path`, or is removed after an error."""
    draft = path.with_name(f".{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
