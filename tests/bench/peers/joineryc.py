"""Command line and configuration with which joineryc is run. Standard library only."""
from pathlib import Path

from peers.models import Model

CONFIGURATION = """\
src_input_tensors {{ color_space: TENSOR_COLOR_SPACE_{color_order} }}
dst_input_tensors {{ color_space: TENSOR_COLOR_SPACE_RGB }}
neuwizard_conf {{ operator_conf {{ input_conf_items {{ attributes {{
  input_modifications {{ input_normalization {{ mean: {mean} std: {std} }} }}
}} }} }} }}
"""


def command(joineryc: Path, preset: str, model: Model, float_model: Path, calibration: Path, output: Path) -> list[str]:
    """The command that writes `output`; puts the configuration beside it."""
    configuration = output.with_suffix(".prototxt")
    configuration.write_text(CONFIGURATION.format(
        color_order=model.color_order, mean=list(model.mean), std=list(model.std)))
    words = [joineryc, "build", "--preset", preset, "--input", float_model, "--calibration", calibration,
             "--config", configuration, "--output", output]
    if model.has_dynamic_shape:
        words += ["--input-shape", "x".join(str(side) for side in model.input_shape)]
    return [str(word) for word in words]
