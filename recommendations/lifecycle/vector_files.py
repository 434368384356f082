"""Exporting and importing vectors, in the files that `python -m ml embed` and `search` use.

The first of these rules that matches decides which picture a row of such a file describes:

1. the SHA-256 of the embedded file, if the features file has it, is that of a stored picture, or that of the upload
   before its metadata was removed;
2. its name is that of a stored file (`products/ab/abcdef….jpg`, or `SKU/abcdef….jpg` as `export_features` writes);
3. its folder and name give the SKU that `import_catalog --format folder` makes of them;
4. its name without folder and extension is a SKU, as in Kaggle's `images/1163.jpg`.

The last two find a product and mean its first picture, the one that an import attached. They do not apply if both sides
have a SHA-256, because then the picture has changed. The second does not apply if the features file has any SHA-256:
every stored picture has one too, so the first rule would have found it.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from django.db import connection

from catalog.decoding import changed_since, to_input
from catalog.models import ProductImage
from catalog.models.image import FOLDER
from ml.files.catalog.class_folders import sku_of
from ml.files.features import Features
from ml.pictures.codec import DECODER_VERSION, ImageRejected
from ml.pictures.decoding import DecoderUnavailable
from ml.runtimes import BadVector
from ml.runtimes.views import VIEWS
from ml.spec import ModelSpec
from ml.weights import setting_for
from recommendations.embeddings import claims, renewals
from recommendations.embeddings.coverage import coverage
from recommendations.embeddings.reading import stored_vectors
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.publishing import find_weights
from recommendations.lifecycle.switching import (
    LifecycleError,
    add_model,
    begin_build,
    finish_build,
    running_network,
    same_model,
)
from recommendations.models import EmbeddingModel, ImageEmbedding, ModelState

CHUNK = 1000  # rows per statement, 4 MB of 2048-d vectors
MATCH_CHUNK = 20_000  # names per query: digests have no index, so each query reads every picture's row
SAMPLE = 16
# The same picture through the same network: 0.9999 on another runtime, above 0.99 if the upload of a photo rotated and
# re-encoded it.
AGREES = 0.98
UNKNOWN_DECODER = 2
Log = Callable[[str], None]
Advance = Callable[[int], None]


class TransferError(Exception):
    """A file that cannot be imported. The message says why, and what to do."""


# Out


def export_features(model: EmbeddingModel, advance: Advance = lambda _: None) -> Features:
    """Every current vector of `model`, ordered by picture. Names are `SKU/file` and therefore unique."""
    names: list[str] = []
    digests: list[str] = []
    decoder = DECODER_VERSION
    vectors = [np.zeros((0, model.dimension), np.float32)]
    for rows in stored_vectors(model):
        names += [f"{row.sku}/{PurePosixPath(row.file).name}" for row in rows]
        digests += [row.digest for row in rows]
        vectors.append(np.stack([row.vector.to_numpy() for row in rows]).astype(np.float32))
        decoder = min(decoder, *(row.decoder for row in rows))
        advance(len(rows))
    meta = {
        "name": model.name,
        "source": model.source,
        "weights_sha256": model.weights_sha256,
        "spec": model.spec.to_meta(),
        "weights": model.weights or None,
        "views": model.views,
        "decoder": decoder,  # the earliest: an import may look at more pictures again than necessary, never at fewer
    }
    return Features(names, np.concatenate(vectors), meta, digests)


# In


def model_for(features: Features, name: str | None, log: Log) -> EmbeddingModel:
    """The model that made these vectors. If the shop lacks it and its weights are available, a draft is made.

    Args:
        name: the model that it must be, if given.

    Raises:
        TransferError: there is no such model, or it is not the one named.
        ModelUnavailable: its artifact cannot be made.
    """
    try:
        spec, sha256 = ModelSpec.from_meta(features.meta["spec"]), features.meta["weights_sha256"]
        if not isinstance(sha256, str):
            raise TypeError(f"weights_sha256 must be a text, not {sha256!r}")
        views = features.meta.get("views", 1)  # absent in files of one view and of earlier releases
        if type(views) is not int or views not in VIEWS:
            raise ValueError(f"views must be {', '.join(map(str, VIEWS))}, not {views!r}")
    except (KeyError, TypeError, ValueError) as error:
        raise TransferError(f"The file does not name the model that made it ({error}).") from error
    made_with = f"{features.meta.get('name', 'unnamed weights')} (sha256 {sha256[:12]}…)"
    if views > 1:
        made_with += f" and {views} views"
    found = same_model(sha256, spec, views)
    if found is not None and found.state == ModelState.RETIRED:
        found = None
    if name is not None:
        named = EmbeddingModel.objects.filter(name=name).first()
        if named is None:
            raise TransferError(f"There is no model {name!r}; see `manage.py embedding_models list`.")
        if named != found:
            raise TransferError(
                f"The vectors were made with {made_with}, not with model {name}: vectors of different models cannot be "
                "compared."
            )
    return found or _draft_of(features, spec, sha256, views, made_with, log)


def _draft_of(features: Features, spec: ModelSpec, sha256: str, views: int, made_with: str, log: Log) -> EmbeddingModel:
    setting = features.meta.get("weights")
    if setting is None or isinstance(setting, str):
        setting = setting_for(sha256, setting)
    advice = (
        f"No model here has the weights that made these vectors, {made_with}. Run `manage.py embedding_models add "
        f"{setting or 'WEIGHTS'}{f' --views {views}' if views > 1 else ''}` with them first, then repeat this command."
    )
    if not isinstance(setting, str) or not setting:
        raise TransferError(advice)
    try:
        weights = find_weights(setting, pooling=spec.pooling, log=log)
    except ModelUnavailable as error:
        raise TransferError(f"{advice} ({error})") from error
    if (weights.sha256, weights.spec) != (sha256, spec):
        raise TransferError(f"{advice} {setting} now contains other weights: sha256 {weights.sha256[:12]}….")
    try:
        model = add_model(setting, pooling=spec.pooling, views=views, log=log)
    except LifecycleError:
        made = same_model(sha256, spec, views)  # perhaps by another import of the same file while this one waited
        if made is None or made.state == ModelState.RETIRED:
            raise
        return made
    log(f"{model.name} is a new draft model, made from {setting}.")
    return model


@dataclass
class Matched:
    """Which rows describe which pictures.

    Attributes:
        rows: of the vectors, one for each of `images`.
        images: (id, digest), each picture once.
        found: rule → number of names that it found.
        unmatched: names without a picture in the shop.
    """

    rows: list[int] = field(default_factory=list)
    images: list[tuple[int, str]] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    unmatched: list[str] = field(default_factory=list)


def match(features: Features) -> Matched:
    """Match rows with pictures by the rules of this module. If several rows describe a picture, the first rule wins."""
    matched = Matched()
    taken: set[int] = set()
    left: list[int] = list(range(len(features.names)))
    for rule, images_of in (("digest", _by_digest), ("file", _by_file), ("sku", _by_sku)):
        unmatched: list[int] = []
        for start in range(0, len(left), MATCH_CHUNK):
            rows = left[start : start + MATCH_CHUNK]
            for row, images in zip(rows, images_of(features, rows), strict=True):
                if not images:
                    unmatched.append(row)
                    continue
                matched.found[rule] += 1
                for image in images:
                    if image[0] not in taken:
                        taken.add(image[0])
                        matched.rows.append(row)
                        matched.images.append(image)
        left = unmatched
    matched.unmatched = [features.names[row] for row in left]
    return matched


def store(
    features: Features,
    matched: Matched,
    model: EmbeddingModel,
    *,
    sample: int = SAMPLE,
    advance: Advance = lambda _: None,
) -> int:
    """Write the vectors of matched pictures that have none of `model` yet; returns how many were written.

    Args:
        model: if it is a draft, its build starts, so that workers complete it.
        sample: embed this many pictures again first and compare; 0 skips that.
        advance: called with the number of pictures checked.

    Raises:
        TransferError: pictures of the sample have other vectors, or none. Nothing was written.
        LifecycleError: the model was retired.
    """
    needed = _needed(matched, model)
    advance(len(matched.images) - len(needed))
    if needed and sample:
        _compare(features, matched, random.Random(0).sample(needed, min(sample, len(needed))), model)  # noqa: S311
    if model.state == ModelState.DRAFT:
        model = begin_build(model.name)
    written = 0
    for start in range(0, len(needed), CHUNK):
        places = needed[start : start + CHUNK]
        vectors = features.vectors[[matched.rows[place] for place in places]]
        images = [matched.images[place] for place in places]
        written += claims.store_known(model, images, vectors, decoder=_decoder_of(features))
        advance(len(places))
    if written and _decoder_of(features) < DECODER_VERSION:
        renewals.look_again(model)
    model.refresh_from_db()
    if model.state == ModelState.RETIRED:
        raise LifecycleError(f"{model.name} was retired during the import.")
    if model.state == ModelState.BUILDING and not coverage(model).missing:
        finish_build(model)
    return written


def _decoder_of(features: Features) -> int:
    """The decoder that a file's vectors were made with; files of earlier releases do not say."""
    said = features.meta.get("decoder")
    return min(said, DECODER_VERSION) if type(said) is int and said > 0 else UNKNOWN_DECODER


def _needed(matched: Matched, model: EmbeddingModel) -> list[int]:
    """Positions in `matched` of pictures without a current vector."""
    needed: list[int] = []
    for start in range(0, len(matched.images), CHUNK):
        ids = [image for image, _ in matched.images[start : start + CHUNK]]
        have = set(ImageEmbedding.objects.current(model).filter(image__in=ids).values_list("image_id", flat=True))
        needed += [start + place for place, image in enumerate(ids) if image not in have]
    return needed


def _compare(features: Features, matched: Matched, places: Sequence[int], model: EmbeddingModel) -> None:
    """Embed a few pictures again and compare. Otherwise a file of another catalog that happens to have the same SKUs
    would fill the shop with nonsense."""
    network = running_network(model)
    stored = ProductImage.objects.in_bulk([matched.images[place][0] for place in places])
    strangers: list[str] = []
    for place in places:
        image = stored.get(matched.images[place][0])
        if image is None:
            continue
        try:
            with image.file.open() as file:
                data = file.read()
            if changed_since(data, _decoder_of(features)):
                continue  # its vector is another now, and will be made again
            picture = to_input(data, model.spec)
        except (OSError, ImageRejected, DecoderUnavailable):
            continue  # the pipeline will report it
        row = matched.rows[place]
        try:
            vector = network.embed([picture], views=model.views)[0]
        except BadVector as error:
            raise TransferError(
                f"{model.name} gives no usable vector for {features.names[row]} ({error.reason}), so the file cannot "
                "be compared with it: are its weights damaged? --sample 0 imports without comparing."
            ) from error
        cosine = float(vector @ features.vectors[row])
        if not cosine >= AGREES:
            strangers.append(f"{features.names[row]} (cosine {cosine:.3f})")
    if strangers:
        raise TransferError(
            f"{len(strangers)} of {len(places)} sampled pictures have other vectors in the shop: "
            f"{', '.join(strangers[:5])}. Are these the pictures of this shop? Nothing was imported."
        )


Found = list[list[tuple[int, str]]]


def _by_digest(features: Features, rows: Sequence[int]) -> Found:
    if not features.digests:
        return [[] for _ in rows]
    digests = [features.digests[row] for row in rows]
    images = _images(
        """
        SELECT wanted.key, i.id, i.digest
          FROM unnest(%s::text[]) wanted(key) JOIN catalog_productimage i ON i.digest = wanted.key
         UNION
        SELECT wanted.key, i.id, i.digest
          FROM unnest(%s::text[]) wanted(key) JOIN catalog_productimage i ON i.source_digest = wanted.key
         ORDER BY 2
        """,
        *[[digest for digest in set(digests) if re.fullmatch(r"[0-9a-f]{64}", digest or "")]] * 2,
    )
    return [images.get(digest, []) for digest in digests]


def _by_file(features: Features, rows: Sequence[int]) -> Found:
    files = [_stored_name(features.names[row]) for row in rows]
    images = _images(
        """
        SELECT wanted.key, i.id, i.digest
          FROM unnest(%s::text[]) wanted(key) JOIN catalog_productimage i ON i.file = wanted.key
         WHERE NOT %s
        """,
        list({file for file in files if file}),
        bool(features.digests),  # a file with this name and other bytes is not the one that was embedded
    )
    return [images.get(file, []) for file in files]


def _by_sku(features: Features, rows: Sequence[int]) -> Found:
    candidates = [_skus(features.names[row]) for row in rows]
    images = _images(
        """
        SELECT wanted.key, i.id, i.digest
          FROM unnest(%s::text[]) wanted(key)
          JOIN catalog_product p ON p.sku = wanted.key
          JOIN LATERAL (SELECT * FROM catalog_productimage WHERE product_id = p.id
                         ORDER BY position, id LIMIT 1) i ON true
         WHERE i.source_digest = '' OR NOT %s
        """,
        list({sku for skus in candidates for sku in skus}),
        bool(features.digests),
    )
    return [next((images[sku] for sku in skus if sku in images), []) for skus in candidates]


def _images(sql: str, *parameters: Any) -> dict[str, list[tuple[int, str]]]:
    """(id, digest) of the pictures of each key; `sql` returns (key, id, digest)."""
    images: dict[str, list[tuple[int, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for key, pk, digest in cursor.fetchall():
            images.setdefault(key, []).append((pk, digest))
    return images


def _stored_name(name: str) -> str:
    """The name that `catalog.models.image.generated_name` gives such a file; empty for other names."""
    file = PurePosixPath(name).name
    return f"{FOLDER}/{file[:2]}/{file}" if re.fullmatch(r"[0-9a-f]{32}\.\w+", file) else ""


def _skus(name: str) -> list[str]:
    """The SKUs that the product of this picture may have, the most reliable first."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part != "/"]
    in_folders = [sku_of("/".join(parts[start:])) for start in range(len(parts) - 1)]
    return [sku for sku in (*in_folders, path.stem, path.name) if _storable(sku)]


def _storable(text: str) -> bool:
    return bool(text) and "\0" not in text and text.isprintable() and len(text) <= 64
