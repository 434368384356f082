"""Which precision a network runs in on this host."""

import importlib.util
import logging
from pathlib import Path

from ml.runtimes.exporting import export_in_own_process
from ml.runtimes.golden import WrongNumbers
from ml.runtimes.onnx import OnnxEmbedder
from ml.runtimes.processor import multiplies_int8
from ml.weights import WeightsError, read_graph_meta

logger = logging.getLogger(__name__)

INT8_VERSION = 2  # of what `ml.networks.quantise` writes: a copy of another version is left alone and made again
MIN_INT8_COSINE = 0.99  # with floats, of every picture: what shoppers find stays the same


class Int8Unavailable(WeightsError):
    """The network cannot run in int8 here, although int8 was required. It runs in floats."""


def open(path: Path, precision: str = "float", *, threads: int | None = None, maps: bool = False) -> OnnxEmbedder:
    """Start the network in `path`; half a second, or several where its int8 copy must be made first.

    Vectors in int8 and in floats are close enough to be compared, so each host may choose for itself.

    Args:
        path: a file that `ml.networks.export` wrote. An int8 copy of it is kept next to it.
        precision: "float": as the file was written. "int8": in int8. "auto": in int8 where
            `computes_best_in_int8` says so. A network that computes wrong vectors in int8 here runs in floats, with
            a warning.
        threads: of one forward pass; by default one for each core that this process may use.
        maps: whether it also computes `OnnxEmbedder.maps`.

    Raises:
        WrongNumbers: it computes other vectors here than where it was made, even in floats.
        Int8Unavailable: `precision` is "int8", and the copy cannot be made or loaded.
        WeightsError: the file is missing, damaged, or not a graph of this program.
    """
    network = OnnxEmbedder(path, threads=threads, maps=maps)
    written = network.meta.precision
    in_int8 = written == "compact" and computes_best_in_int8(path) if precision == "auto" else precision == "int8"
    if not in_int8 or written == "int8":
        return network
    del network  # before the copy takes as much memory
    try:
        return _open_int8(path, threads, maps)
    except WrongNumbers as error:
        reason = str(error)
    except WeightsError as error:
        if precision == "int8":
            raise Int8Unavailable(str(error)) from error
        reason = str(error)
    logger.warning("%s Graph %s computes in floats here.", reason, path.name)
    return OnnxEmbedder(path, threads=threads, maps=maps)


def computes_best_in_int8(graph: Path) -> bool:
    """Whether this host should run the graph in int8: it was calibrated on real pictures, int8 stayed close to floats
    on others, the processor is made for it, and the package that makes the copy is installed. Without the processor's
    instructions int8 is right as well, but gains less.

    Raises:
        WeightsError: the graph is damaged.
    """
    if not (multiplies_int8() and importlib.util.find_spec("onnx")):
        return False
    measured = read_graph_meta(graph).int8_cosine
    return measured is not None and measured >= MIN_INT8_COSINE


def int8_path(path: Path) -> Path:
    """Where the int8 copy of the graph in `path` is kept."""
    return path.with_suffix(f".int8-{INT8_VERSION}.onnx")


def make_int8(path: Path) -> Path:
    """The int8 copy of the graph in `path`, made on first need.

    Raises:
        WeightsError: it cannot be made.
    """
    copy = int8_path(path)
    if not copy.exists():
        logger.info("Making the int8 copy of graph %s, once.", path.name)
        export_in_own_process(str(path), copy, path.parent, precision="int8")
    return copy


def _open_int8(path: Path, threads: int | None, maps: bool) -> OnnxEmbedder:
    """A copy that can no longer be read is made again."""
    copy = int8_path(path)
    if copy.exists():
        try:
            return OnnxEmbedder(copy, threads=threads, or_floats=False, maps=maps)
        except WrongNumbers:
            raise
        except WeightsError as error:
            logger.warning("The int8 copy of graph %s is damaged and is made again: %s", path.name, error)
            copy.unlink(missing_ok=True)
    return OnnxEmbedder(make_int8(path), threads=threads, or_floats=False, maps=maps)
