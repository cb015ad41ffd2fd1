"""Reads pictures and makes a model's input of them. Needs numpy and Pillow."""
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from peers.models import Model

SUFFIXES = {".jpg", ".jpeg", ".png"}
GREY = (114, 114, 114)


def read(source: Path) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture, in name order, of a folder or a tar archive."""
    if source.is_dir():
        for path in sorted(source.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                yield path.name, Image.open(path).convert("RGB")
        return
    with tarfile.open(source) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            name = PurePosixPath(member.name)
            if member.isfile() and name.suffix.lower() in SUFFIXES:
                yield name.name, Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")


def fit(picture: Image.Image, size: tuple[int, int], how: str) -> np.ndarray:
    """The picture as uint8 [height, width, 3], RGB, of exactly that size."""
    if how == "letterbox":
        scale = min(wanted / given for wanted, given in zip(size, picture.size))
        scaled = picture.resize(tuple(round(side * scale) for side in picture.size), Image.BILINEAR)
        canvas = Image.new("RGB", size, GREY)
        canvas.paste(scaled, tuple((wanted - given) // 2 for wanted, given in zip(size, scaled.size)))
        return np.asarray(canvas)
    if how == "cover":
        scale = max(wanted / given for wanted, given in zip(size, picture.size))
        picture = picture.resize(tuple(max(wanted, round(given * scale))
                                       for wanted, given in zip(size, picture.size)), Image.BILINEAR)
    left, top = ((given - wanted) // 2 for wanted, given in zip(size, picture.size))
    return np.asarray(picture.crop((left, top, left + size[0], top + size[1])))


def float_input(pixels: np.ndarray, model: Model) -> np.ndarray:
    """What the float model takes for these pixels."""
    values = (pixels.astype(np.float32) - np.float32(model.mean)) / np.float32(model.std)
    if model.color_order == "BGR":
        values = values[..., ::-1]
    if not model.is_channels_last:
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None], np.float32)


def calibration_feed(archive: Path, model: Model) -> list[np.ndarray]:
    """The float model's inputs for a calibration set that `write_calibration_set` made."""
    return [float_input(fit(picture, model.size, "crop"), model) for _, picture in read(archive)]


def validation_pixels(model: Model, images: Path, limit: int | None) -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels of the pictures that score the model."""
    end = None if limit is None else model.skip_validation + limit
    for index, (name, picture) in enumerate(read(images / model.validation)):
        if end is not None and index >= end:
            return
        if index >= model.skip_validation:
            yield name, fit(picture, model.size, model.fit)


def write_calibration_set(model: Model, images: Path, limit: int | None, archive: Path) -> int:
    """Makes the calibration set that all tools are given: a tar of pictures of exactly the input's size. Returns how many
    pictures are in it. One that is so already is used as it is."""
    source = images / model.calibration
    limits = [number for number in (limit, model.first_calibration) if number is not None]
    pictures = list(read(source))
    if source.is_file() and len(pictures) <= min(limits, default=len(pictures)):
        if all(picture.size == model.size for _, picture in pictures):
            archive.symlink_to(source.resolve())
            return len(pictures)
    pictures = pictures[:min(limits, default=len(pictures))]
    with tarfile.open(archive, "w") as tar:
        for name, picture in pictures:
            encoded = io.BytesIO()
            Image.fromarray(fit(picture, model.size, model.fit)).save(encoded, "PNG")
            entry = tarfile.TarInfo(str(PurePosixPath(name).with_suffix(".png")))
            entry.size = encoded.tell()
            encoded.seek(0)
            tar.addfile(entry, encoded)
    return len(pictures)


def labels(model: Model, images: Path) -> dict[str, int]:
    """Class of each picture; empty for a model that is no classifier."""
    if model.labels is None:
        return {}
    if model.labels.endswith(".json"):
        return json.loads((images / model.labels).read_text())
    with tarfile.open(images / model.validation) as archive:
        member = next(member for member in archive.getmembers() if member.name.endswith(model.labels))
        rows = archive.extractfile(member).read().decode().splitlines()
    pairs = (row.split("\t")[:2] for row in rows)
    return {PurePosixPath(name).name: int(number) for name, number in pairs if number.isdigit()}
