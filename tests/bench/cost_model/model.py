"""The cost model of compiler/target/cost_model.cc over many networks at once, for fitting. A test compares the two."""
import dataclasses
import functools
import math
from pathlib import Path

import numpy as np

VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Shape", "ConstantOfShape", "Constant"}
NORMALIZING = {"Softmax", "LayerNormalization", "InstanceNormalization"}

# Operators whose elements take another time than an addition's: the classes that are fitted.
CLASSES = {
    "activation": ("Silu", "HardSwish", "Sigmoid", "HardSigmoid", "Tanh", "Gelu", "Erf", "Mish", "Swish", "Softplus", "Elu",
                   "Selu", "Celu", "Softsign", "Exp"),
    "move": ("Concat", "Split", "Slice", "Transpose", "Pad", "Resize", "Upsample", "Gather", "GatherElements", "GatherND",
             "ScatterND", "ScatterElements", "DepthToSpace", "SpaceToDepth", "Expand", "Tile", "Cast"),
    "normalize": ("Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization", "ReduceMean", "ReduceSum",
                  "ReduceMax", "ReduceL2"),
    "pool": ("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"),
}
CLASS_OF = {name: group for group, names in CLASSES.items() for name in names}
PLAIN = "plain"
# What a layer has for each unit: multiplications by kind, elements by class.
KINDS = ("convolution", "depthwise", "matmul")
VECTORS = (PLAIN, *CLASSES)


@dataclasses.dataclass(frozen=True)
class Chip:
    """What is published of a chip, and whose figures it shares."""
    family: str
    # 10^12 operations a second by mode.
    peaks: dict[str, float]
    # 10^9 bytes a second that its memory has.
    memory_gb_per_s: float
    # Overheads take so many times as long as those of the family's first chip.
    slowness: float = 1.0


CHIPS = {
    "AX620A": Chip("AX620A", {"0": 3.6, "111": 1.8}, 14.9),
    "AX630C": Chip("AX620E", {"NPU1": 1.6, "NPU2": 3.2}, 10.7),
    "AX620Q": Chip("AX620E", {"NPU1": 1.2, "NPU2": 2.4}, 6.4, slowness=3.2 / 2.4),
    "AX650N": Chip("AX650", {"NPU1": 3.6, "NPU2": 7.2, "NPU3": 10.8}, 34.1),
}
CHIP_FAMILIES = ("AX620A", "AX620E", "AX650")


@dataclasses.dataclass(frozen=True)
class UnknownChip:
    """One of which neither peak nor memory is published: it has a family's figures, and these two are fitted."""
    family: str
    # Of the peak, by mode.
    shares: dict[str, float]

    def with_figures(self, peak: float, memory_gb_per_s: float) -> Chip:
        return Chip(self.family, {mode: float(f"{peak * share:.3g}") for mode, share in self.shares.items()},
                    float(f"{memory_gb_per_s:.3g}"))


# Newer than the others. Their latencies come nearer to the AX650's figures than to the AX620E's, in the half that is fitted.
UNKNOWN_CHIPS = {"AX615": UnknownChip("AX650", {"NPU1": 0.5, "NPU2": 1.0}), "AX637": UnknownChip("AX650", {"NPU1": 1.0})}


def dimensions(text: str) -> list[int]:
    return [] if text == "-" else [int(part) for part in text.split("x")]


def filled(channels: int, group: int) -> int:
    return -(-channels // group) * group


def layer_work(line: dict[str, str], alignment: tuple[int, int]) -> dict[str, float] | None:
    """Multiplications, elements and bytes of a layer; None for one that takes no time."""
    op, activation = line["op"], line["activation"]
    if op in VIEWS:
        return None
    inputs = [dimensions(text) for text in line["inputs"].split(",")] if line["inputs"] else []
    output, weights, kernel = (dimensions(line[name]) for name in ("output", "weights", "kernel"))
    output_elements, input_elements = math.prod(output), sum(map(math.prod, inputs))
    work = dict.fromkeys((*KINDS, *VECTORS, "weights", "activations"), 0.0)
    work["weights"] = math.prod(weights) if weights else 0
    work["activations"] = input_elements + output_elements
    if activation in CLASS_OF:
        work[CLASS_OF[activation]] += output_elements
    group = int(line["group"])
    if op in ("Conv", "ConvTranspose") and len(weights) >= 2:
        places = inputs[0] if op == "ConvTranspose" else output
        each = weights[0] // group
        into, out = (each, weights[1]) if op == "ConvTranspose" else (weights[1], each)
        depthwise = group > 1 and into == 1
        if not depthwise:
            into, out = filled(into, alignment[0]), filled(out, alignment[1])
        count = math.prod(places) // places[1] * math.prod(weights[2:]) * into * out * group
        work["depthwise" if depthwise else "convolution"] = count
    elif op in ("MatMul", "Gemm") and inputs and inputs[0]:
        work["matmul"] = output_elements * inputs[0][-1]
    else:
        own = max(output_elements, input_elements)
        if kernel:
            own = output_elements * max(1, math.prod(kernel))
        if op in NORMALIZING:
            own = output_elements
        work[CLASS_OF.get(op, PLAIN)] += own
    return work


@functools.cache
def read_table(path: Path, alignment: tuple[int, int]) -> dict[str, np.ndarray]:
    """Columns of numbers, a layer a row."""
    head, *lines = path.read_text().splitlines()
    names = head.split("\t")
    works = [work for line in lines if (work := layer_work(dict(zip(names, line.split("\t"))), alignment))]
    return {key: np.array([work[key] for work in works]) for key in works[0]}


class Rows:
    """Layers of the networks of many published rows, one after the other."""

    def __init__(self, rows: list, tables: Path, alignment: tuple[int, int]) -> None:
        chips = [CHIPS[row.target] for row in rows]
        networks = {name: read_table(tables / f"{name}.tsv", alignment) for name in {row.network for row in rows}}
        counts = [len(networks[row.network]["weights"]) for row in rows]
        self.starts = np.cumsum([0, *counts[:-1]])
        self.columns = {key: np.concatenate([networks[row.network][key] for row in rows])
                        for key in next(iter(networks.values()))}
        peaks = [chip.peaks[row.mode] for chip, row in zip(chips, rows)]
        self.peak = np.repeat(peaks, counts)
        self.share = np.repeat([peak / max(chip.peaks.values()) for chip, peak in zip(chips, peaks)], counts)
        self.memory = np.repeat([chip.memory_gb_per_s for chip in chips], counts)
        self.family_of_row = np.array([CHIP_FAMILIES.index(chip.family) for chip in chips])
        self.family = np.repeat(self.family_of_row, counts)
        self.slowness_of_row = np.array([chip.slowness for chip in chips])
        self.slowness = np.repeat(self.slowness_of_row, counts)

    def milliseconds(self, figures: dict[str, np.ndarray]) -> np.ndarray:
        """`figures`: by name a value for each family of chips."""
        of = {name: values[self.family] for name, values in figures.items()}
        rate = self.peak * 1e6 / 2
        compute = sum(self.columns[kind] / (rate * of[kind]) for kind in KINDS)
        vector = sum(self.columns[kind] * (of[kind] if kind != PLAIN else 1.0) for kind in VECTORS)
        vector = vector / (self.peak * 1e3 * of["vector"])
        spilled = np.maximum(0, self.columns["activations"] - of["buffer"] * self.share)
        memory = (self.columns["weights"] + spilled) / (self.memory * of["bandwidth"] * 1e3)
        layers = np.maximum(np.maximum(compute, vector), memory) + of["layer"] * self.slowness
        network = figures["network"][self.family_of_row] * self.slowness_of_row
        return (np.add.reduceat(layers, self.starts) + network) / 1e3
