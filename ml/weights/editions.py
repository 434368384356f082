"""The bundled models and their editions.

An edition is a released file, `NAME-NUMBER.onnx`, and its bytes never change. `SHA256SUMS`, in the format of sha256sum,
lists every edition ever released, including those that a later release no longer contains. `NAME` without a number is
an alias of the newest edition here, and "bundled" one of the newest edition of the first model in the list.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ml.weights.errors import WeightsError

BUNDLED = Path(__file__).parent
SUMS = "SHA256SUMS"
BUNDLED_SETTING = "bundled"
_FILE = re.compile(r"(?P<model>.+)-(?P<number>[1-9]\d*)\.onnx")
_NAME = re.compile(r"(?P<model>.+)-(?P<number>\d+)")


@dataclass(frozen=True)
class Edition:
    """One released file of a bundled model.

    Attributes:
        model: its name without the number, e.g. "lookalike-fashion".
        sha256: hex digest of the released file.
        path: where the file is, if this release contains it.
    """

    model: str
    number: int
    sha256: str
    path: Path

    @property
    def name(self) -> str:
        return f"{self.model}-{self.number}"

    @property
    def is_here(self) -> bool:
        return self.path.is_file()


def editions() -> list[Edition]:
    """Every edition ever released, in the order of `SHA256SUMS`."""
    sums = BUNDLED / SUMS
    lines = sums.read_text().splitlines() if sums.is_file() else []
    found = []
    for line in lines:
        digest, _, name = line.partition(" ")
        if file := _FILE.fullmatch(name.strip(" *")):
            found.append(Edition(file["model"], int(file["number"]), digest, BUNDLED / file[0]))
    return found


def newest_editions() -> list[Edition]:
    """The newest edition of each bundled model that this release contains, the default model first."""
    newest: dict[str, Edition] = {}
    for edition in editions():
        known = newest.get(edition.model)
        if edition.is_here and (known is None or edition.number > known.number):
            newest[edition.model] = edition
    return list(newest.values())


def edition_of(sha256: str) -> Edition | None:
    """The edition whose file has this hash, whether this release contains it or not."""
    return next((edition for edition in editions() if edition.sha256 == sha256), None)


def model_of(setting: str) -> str | None:
    """The bundled model that a setting names, with or without an edition; None for other settings."""
    models = list(dict.fromkeys(edition.model for edition in editions()))
    if setting == BUNDLED_SETTING:
        return models[0] if models else None
    numbered = _NAME.fullmatch(setting)
    return next((model for model in (setting, numbered and numbered["model"]) if model in models), None)


def is_bundled_name(setting: str) -> bool:
    return setting == BUNDLED_SETTING or model_of(setting) is not None


def bundled_names() -> list[str]:
    """The names of the bundled models, without editions, the default model first."""
    return [edition.model for edition in newest_editions()]


def find_edition(setting: str) -> Edition:
    """The edition that `setting` names: "bundled", a model, or a model with a number.

    Raises:
        WeightsError: this release does not contain it.
    """
    model = model_of(setting)
    here = [edition for edition in editions() if edition.model == model and edition.is_here]
    if setting not in (BUNDLED_SETTING, model):
        here, all_here = [edition for edition in here if edition.name == setting], here
        if not here:
            raise WeightsError(_not_here(setting, all_here))
    if not here:
        named = "No model" if setting == BUNDLED_SETTING else f"No edition of {setting}"
        raise WeightsError(f"{named} is bundled with this installation. Name a weights file, or imagenet.")
    return max(here, key=lambda edition: edition.number)


def setting_for(sha256: str, recorded: str | None) -> str | None:
    """The setting that finds the weights with this hash: their edition if this release contains it, otherwise
    `recorded`, where they were found before. "bundled", recorded by an earlier release, may be another edition now."""
    edition = edition_of(sha256)
    return edition.name if edition and edition.is_here else recorded


def _not_here(name: str, here: list[Edition]) -> str:
    contains = " and ".join(edition.name for edition in here) or "no edition of it"
    released = next((edition for edition in editions() if edition.name == name), None)
    if released is None:
        return f"There is no edition {name}. This release contains {contains}; another release may contain more."
    return (
        f"This release does not contain {name}, only {contains}. A shop that uses {name} keeps it. To use it "
        f"elsewhere, give the path of its file: {released.path.name} in ml/weights of an earlier release, or "
        f"models/{released.sha256}.onnx in the media storage of a shop that uses it."
    )
