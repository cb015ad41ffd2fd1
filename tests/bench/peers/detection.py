"""Average precision of a NanoDet-m: python -m peers.detection MODEL IMAGES LABELS LIMIT

LABELS holds a text file for each picture, a line "class x y width height" for each object (centre and size, 0..1). LIMIT: the
number of pictures, 0 for all. Prints AP50 and AP (0.50:0.95) of COCO's own evaluation as a JSON object.

The model gives, for strides 8, 16 and 32, class scores [cells, 80] and for each side of a box the probabilities of its being
0..7 strides from the cell's centre, as logits [cells, 4 * 8]: left, top, right, bottom.
"""
import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from peers.models import MODELS
from peers.pictures import fit, read
from peers.score import Runner

CLASSES = 80
BINS = 8
LEAST_SCORE = 0.05
MOST_OVERLAP = 0.6
CANDIDATES = 300


def boxes_of_cells(logits: np.ndarray, side: int) -> np.ndarray:
    """Left, top, right and bottom in pixels of the input for the cells of one stride."""
    cells = round(len(logits) ** 0.5)
    stride = side / cells
    centre = (np.arange(cells) + 0.5) * stride
    x, y = np.tile(centre, cells), np.repeat(centre, cells)
    bins = np.exp(logits.reshape(-1, 4, BINS))
    left, top, right, bottom = ((bins @ np.arange(BINS)) / bins.sum(-1) * stride).T
    return np.stack([x - left, y - top, x + right, y + bottom], axis=1)


def detections(outputs: list[np.ndarray], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [cells, 4] and scores [cells, classes], all strides together."""
    by_width: dict[int, list[np.ndarray]] = {CLASSES: [], 4 * BINS: []}
    for output in outputs:
        by_width[output.shape[-1]].append(np.asarray(output, np.float64).reshape(-1, output.shape[-1]))
    scores, logits = (sorted(by_width[width], key=len) for width in (CLASSES, 4 * BINS))
    return np.concatenate([boxes_of_cells(stride, side) for stride in logits]), np.concatenate(scores)


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return common / (np.prod(box[2:] - box[:2]) + areas - common + 1e-9)


def without_duplicates(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Of boxes that overlap much, the one of the best score."""
    left = np.argsort(-scores, kind="stable")[:CANDIDATES]
    kept: list[int] = []
    while len(left) > 0:
        kept.append(int(left[0]))
        left = left[1:][overlap(boxes[left[0]], boxes[left[1:]]) < MOST_OVERLAP]
    return kept


def found_in(outputs: list[np.ndarray], side: int, size: tuple[int, int], image_id: int) -> list[dict[str, object]]:
    """What COCO calls results: boxes as left, top, width, height in a picture of `size` that was letterboxed."""
    boxes, scores = detections(outputs, side)
    scale = side / max(size)
    border = [(side - round(length * scale)) // 2 for length in size] * 2
    results: list[dict[str, object]] = []
    for category in range(CLASSES):
        rows = np.flatnonzero(scores[:, category] > LEAST_SCORE)
        for row in rows[without_duplicates(boxes[rows], scores[rows, category])]:
            left, top, right, bottom = ((boxes[row] - border) / scale).tolist()
            results.append({"image_id": image_id, "category_id": category, "score": float(scores[row, category]),
                            "bbox": [left, top, right - left, bottom - top]})
    return results


def objects_in(label: Path, size: tuple[int, int], image_id: int) -> list[dict[str, object]]:
    objects: list[dict[str, object]] = []
    for line in label.read_text().splitlines() if label.exists() else ():
        category, x, y, width, height = (float(word) for word in line.split())
        width, height = width * size[0], height * size[1]
        objects.append({"image_id": image_id, "category_id": int(category), "area": width * height, "iscrowd": 0,
                        "bbox": [x * size[0] - width / 2, y * size[1] - height / 2, width, height]})
    return objects


def main(model_path: str, images: str, labels: str, limit: str) -> None:
    model = MODELS["nanodet_m_416"]
    runner = Runner(Path(model_path), model, threads=0)
    pictures: list[dict[str, object]] = []
    objects: list[dict[str, object]] = []
    results: list[dict[str, object]] = []
    for image_id, (name, picture) in enumerate(read(Path(images))):
        if image_id == int(limit) and image_id > 0:
            break
        pictures.append({"id": image_id, "width": picture.width, "height": picture.height})
        objects += objects_in(Path(labels, name).with_suffix(".txt"), picture.size, image_id)
        outputs = runner.run(runner.feed(fit(picture, model.size, "letterbox")))
        results += found_in(outputs, model.size[0], picture.size, image_id)
    for number, annotation in enumerate(objects, start=1):
        annotation["id"] = number
    # Both talk about their progress on standard output, which is for the result.
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": pictures, "annotations": objects, "categories": [{"id": c} for c in range(CLASSES)]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    print(json.dumps({"ap50": float(evaluation.stats[1]), "ap": float(evaluation.stats[0])}))


if __name__ == "__main__":
    main(*sys.argv[1:])
