"""The cost block of target descriptions: written between two lines of comment, so that all else of the file stays."""
import re
from pathlib import Path

import numpy as np

from model import CHIP_FAMILIES, CHIPS, CLASSES, UNKNOWN_CHIPS

BEGIN = "# Written by tests/bench/cost_model/update: do not edit.\n"
END = "# End of what update wrote.\n"
SOURCE = "tests/bench/cost_model"

# Theirs are another chip's but for the memory, which is in proportion: nothing is published to fit to.
LIKE = {"AX630A": ("AX620A", 34.1), "AX620U": ("AX620A", 7.45), "M57": ("AX637", 0.0)}
# Of the CPUs beside the NPUs nothing is published but cores and clocks.
CPUS = {
    "AX620A": (4, 1.0, "4 Cortex-A7"), "AX630A": (4, 1.2, "4 Cortex-A53"), "AX630C": (2, 1.2, "2 Cortex-A53"),
    "AX620Q": (2, 1.2, "2 Cortex-A53"), "AX650N": (8, 1.7, "8 Cortex-A55"), "AX620U": (4, 1.0, "4 Cortex-A7"),
    "AX615": (2, 1.2, "2 Cortex-A53"), "AX637": (2, 1.2, "2 Cortex-A53"), "M57": (2, 1.2, "2 Cortex-A53"),
}
# Of these not even that: what the AX630C has is assumed.
UNKNOWN_CPUS = ("AX615", "AX637", "M57")
# Of the 8 operations that a core can start in a cycle, and elements that need about 4 cycles.
OPERATIONS_A_CYCLE = 2.0
ELEMENTS_A_CYCLE = 0.25


def rounded(value: float) -> float:
    return float(f"{value:.3g}")


def rounded_figures(figures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the descriptions hold: three digits of what they state, which for bandwidths is a product."""
    return {name: np.array([rounded(value) for value in values]) for name, values in figures.items()}


class Block:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def fitted(self, field: str, value: float, source: str = SOURCE) -> None:
        self.lines.append(f'  {field} {{ value: {value:.10g} source: "{source}" fitted: true }}')

    def derived(self, field: str, value: float, source: str) -> None:
        self.lines.append(f'  {field} {{ value: {rounded(value):g} source: "{source}" }}')

    def text(self) -> str:
        return BEGIN + "cost {\n" + "\n".join(self.lines) + "\n}\n" + END


def bandwidth(figures: dict[str, np.ndarray], target: str) -> tuple[float, str]:
    owner, memory = LIKE.get(target, (target, 0.0))
    chip = CHIPS[owner]
    memory = memory or chip.memory_gb_per_s
    share = figures["bandwidth"][CHIP_FAMILIES.index(chip.family)]
    if owner in UNKNOWN_CHIPS:
        return share * memory, SOURCE
    return share * memory, f"{SOURCE}: {share:g} of the memory's {memory:g} GB/s"


def cost_block(target: str, figures: dict[str, np.ndarray], alignment: tuple[int, int], errors: np.ndarray) -> str:
    chip = CHIPS[LIKE.get(target, (target,))[0]]
    of = {name: values[CHIP_FAMILIES.index(chip.family)] for name, values in figures.items()}
    block = Block()
    block.fitted("convolution_efficiency", of["convolution"])
    block.fitted("depthwise_efficiency", of["depthwise"])
    block.fitted("matmul_efficiency", of["matmul"])
    block.fitted("vector_gelements_per_tops", of["vector"])
    block.fitted("input_channel_alignment", alignment[0])
    block.fitted("output_channel_alignment", alignment[1])
    slower = "" if chip.slowness == 1 else f": {chip.slowness:.4g} times the AX630C's, whose clock is so much faster"
    block.fitted("network_overhead_us", of["network"] * chip.slowness, SOURCE + slower)
    block.fitted("layer_overhead_us", of["layer"] * chip.slowness, SOURCE + slower)
    for group, names in CLASSES.items():
        types = " ".join(f'op_types: "{name}"' for name in names)
        block.lines.append(f"  operators {{ {types}")
        block.lines.append(f'    factor {{ value: {of[group]:.10g} source: "{SOURCE}" fitted: true }} }}')
    block.fitted("bandwidth_gb_per_s", *bandwidth(figures, target))
    block.fitted("layer_buffer_bytes", of["buffer"])
    cores, clock, name = CPUS[target]
    origin = "assumed, as the AX630C has" if target in UNKNOWN_CPUS else "derived"
    source = f"{origin}: {name} cores at {clock:g} GHz, {{}} a cycle and core"
    block.derived("cpu_gops", cores * clock * OPERATIONS_A_CYCLE, source.format("2 of the 8 operations"))
    block.derived("cpu_gelements_per_s", cores * clock * ELEMENTS_A_CYCLE, source.format("a quarter of an element"))
    if len(errors) > 0:
        block.derived("median_error_percent", 100 * np.median(errors), SOURCE)
        block.derived("p90_error_percent", 100 * np.percentile(errors, 90), SOURCE)
        block.lines.append(f"  tested_latencies: {len(errors)}")
    return block.text()


def write_fitted(folder: Path, target: str, figures: dict[str, np.ndarray]) -> None:
    """Peaks and bandwidth of the memory, where they are not published."""
    path = folder / f"{target.lower()}.textproto"
    owner = LIKE.get(target, (target,))[0]
    text = path.read_text()
    for mode, peak in CHIPS[owner].peaks.items():
        text = re.sub(rf'(name: "{mode}"[^}}]*?peak_tops {{ value: )[0-9.]+', rf"\g<1>{peak:g}", text)
    text = re.sub(r"(memory {\n  bandwidth_gb_per_s { value: )[0-9.]+", rf"\g<1>{rounded(bandwidth(figures, target)[0]):g}", text)
    path.write_text(text)


def write(folder: Path, target: str, block: str) -> None:
    path = folder / f"{target.lower()}.textproto"
    text = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), "", path.read_text(), flags=re.DOTALL).rstrip("\n")
    path.write_text(text + "\n\n" + block)
