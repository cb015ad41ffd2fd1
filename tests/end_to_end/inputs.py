"""What a build takes: model, calibration set and configuration, as files."""

import dataclasses
import io
import pathlib
import tarfile

import models
import numpy as np
from PIL import Image

CONFIGURATION = """\
input_type: INPUT_TYPE_ONNX
output_type: OUTPUT_TYPE_JOINT
target_hardware: TARGET_HARDWARE_AX620
src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
dst_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
neuwizard_conf {
  operator_conf {
    input_conf_items {
      attributes {
        input_modifications { affine_preprocess { slope: 1 slope_divisor: 255 bias: 0 } }
        input_modifications { input_normalization { mean: [0.485, 0.456, 0.406] std: [0.229, 0.224, 0.225] } }
      }
    }
  }
  dataset_conf_calibration { path: "calib.tar" type: DATASET_TYPE_TAR }
}
pulsar_conf { ax620_virtual_npu: AX620_VIRTUAL_NPU_MODE_111 batch_size: 1 }
"""


@dataclasses.dataclass
class Inputs:
    """Paths of one build's inputs."""
    model: pathlib.Path
    calibration: pathlib.Path
    configuration: pathlib.Path

    def client_arguments(self):
        return [self.model, "--calibration", self.calibration, "--config", self.configuration]

    def compiler_arguments(self):
        return ["--input", self.model, "--calibration", self.calibration, "--config", self.configuration]


def photo(number, size=32):
    """uint8 [size, size, 3]: soft blobs of colour, different for each number."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
    return np.asarray(coarse.resize((size, size), Image.BICUBIC))


def png(number, size=32):
    data = io.BytesIO()
    Image.fromarray(photo(number, size)).save(data, "PNG")
    return data.getvalue()


def jpeg(number, size=32):
    data = io.BytesIO()
    Image.fromarray(photo(number, size)).save(data, "JPEG", quality=90)
    return data.getvalue()


def npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def photos(count=8, size=32):
    """Members of a calibration set: bytes by name."""
    return {f"photo_{number:03d}.png": png(number, size) for number in range(count)}


def arrays(count, size):
    """The same as npy, which costs the compiler next to nothing to read."""
    return {f"photo_{number:03d}.npy": npy(photo(number, size)) for number in range(count)}


def link(name, target, kind=tarfile.SYMTYPE):
    """A tar's member that is a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def write_tar(path, members):
    """`members`: bytes by name; for what is no file a TarInfo instead of bytes."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(path, members):
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def write_inputs(folder, model=None, members=None, configuration=CONFIGURATION):
    """Writes model.onnx, calib.tar and config.prototxt; by default those of a build that succeeds at once."""
    inputs = Inputs(folder / "model.onnx", folder / "calib.tar", folder / "config.prototxt")
    inputs.model.write_bytes(models.classifier().model() if model is None else model)
    write_tar(inputs.calibration, photos() if members is None else members)
    inputs.configuration.write_text(configuration)
    return inputs


def write_endless_inputs(folder, samples=300):
    """Those of a build that no test waits for: six million million operations, which is a minute of two processors."""
    return write_inputs(folder, models.slow_classifier(128, 16, 64).model(), arrays(samples, 128))
