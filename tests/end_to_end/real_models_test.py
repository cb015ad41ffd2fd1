"""Real models and pictures, where JOINERY_DATA names their folder: precision that must be reached."""

import dataclasses
import json
import pathlib

import inputs as build_inputs
import numpy as np
import pytest
from PIL import Image
from service import data_folder

pytestmark = pytest.mark.skipif(data_folder() is None, reason="skipped: no JOINERY_DATA")

IMAGE_NET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 255)


def configuration(mean, std, divisor=1, colours="RGB", fit="COVER"):
    def numbers(values):
        return ", ".join(str(value) for value in values)
    return f"""\
src_input_tensors {{ color_space: TENSOR_COLOR_SPACE_{colours} }}
dst_input_tensors {{ color_space: TENSOR_COLOR_SPACE_RGB }}
neuwizard_conf {{ operator_conf {{ input_conf_items {{ attributes {{
  input_modifications {{ affine_preprocess {{ slope: 1 slope_divisor: {divisor} bias: 0 }} }}
  input_modifications {{ input_normalization {{ mean: [{numbers(mean)}] std: [{numbers(std)}] }} }}
}} }} }} }}
joinery_conf {{ image_fit: IMAGE_FIT_{fit} }}
"""


def open_session(path):
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def build(programs, model, calibration, text, *options):
    """Returns the path of the .joint, made with a configuration of that text."""
    files = programs.files
    (files / "config.prototxt").write_text(text)
    done = programs.run("joineryc", "build", "--input", model, "--calibration", calibration, "--config",
                        files / "config.prototxt", "--output", files / "out.joint", *options, seconds=120)
    assert done.code == 0, done.err
    return files / "out.joint"


def cosine(a, b):
    a, b = (np.asarray(values, np.float64).ravel() for values in (a, b))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-30))


@pytest.mark.parametrize("model, mean, std, divisor, least_cosine, least_top1", [
    pytest.param("mobilenetv2", *IMAGE_NET, 0.995, 0.82, id="mobilenetv2"),
    pytest.param("efficientnet_lite0", [127] * 3, [128] * 3, 1, 0.9975, 0.863, id="efficientnet_lite0"),
])
def test_classifier(programs, model, mean, std, divisor, least_cosine, least_top1):
    """Scored on 600 photos that calibration has not seen."""
    data = data_folder()
    path = data / "models" / f"{model}.onnx"
    joint = open_session(build(programs, path, data / "images/calib_224.tar", configuration(mean, std, divisor)))
    reference = open_session(path)
    labels = json.loads((data / "images/val.json").read_text())
    mean, std = np.float32(mean), np.float32(std)
    cosines, hits, float_hits = [], 0, 0
    for name, label in labels.items():
        photo = Image.open(data / "images/val" / name).convert("RGB")
        left, top = (photo.width - 224) // 2, (photo.height - 224) // 2
        pixels = np.asarray(photo.crop((left, top, left + 224, top + 224)))[None]
        prepared = ((pixels.astype(np.float32) / divisor - mean) / std).transpose(0, 3, 1, 2)
        (expected,) = reference.run(None, {reference.get_inputs()[0].name: np.ascontiguousarray(prepared, np.float32)})
        (actual,) = joint.run(None, {joint.get_inputs()[0].name: pixels})
        cosines.append(cosine(expected, actual))
        float_hits += int(expected.argmax() == label)
        hits += int(actual.argmax() == label)
    top1, float_top1 = hits / len(labels), float_hits / len(labels)
    print(f"{model}: cosine {np.mean(cosines):.5f}, top-1 {top1:.4f}, float {float_top1:.4f}, {len(labels)} photos")
    assert len(labels) == 600
    assert np.mean(cosines) >= least_cosine
    assert top1 >= least_top1


@dataclasses.dataclass
class Network:
    """How a model of the data folder is fed; `pictures` is below images/. Mean and std are in the order of RGB."""
    name: str
    pictures: str
    mean: list
    std: list
    divisor: int = 1
    colours: str = "RGB"
    fit: str = "COVER"
    shape: str = ""
    samples: int = 16
    least_cosine: float = 0.99


PIXELS = ([0] * 3, [1] * 3)
NETWORKS = [
    Network("face_RFB-320", "faces", [127] * 3, [128] * 3),
    Network("face_RFB-320_without_postprocessing", "faces", [127] * 3, [128] * 3),
    Network("ppocrv4_det", "ocr", *IMAGE_NET, shape="x:1x3x320x320", fit="STRETCH", least_cosine=0.9),
    Network("ppocrv4_rec", "ocr", [0.5] * 3, [0.5] * 3, 255, shape="x:1x3x48x320", fit="STRETCH", least_cosine=0.97),
    Network("nanodet_m_416", "coco_calib", [123.675, 116.28, 103.53], [58.395, 57.12, 57.375], colours="BGR",
            least_cosine=0.985),
    Network("yunet_n_320", "faces", *PIXELS, colours="BGR"),
    Network("mlperf_mobilenetv1_025_vww", "coco_calib", *PIXELS, 255),
    Network("mlperf_resnet8_cifar10", "cifar10_calib.tar", *PIXELS),
    Network("mediapipe_face_landmark_192", "faces", *PIXELS, 255, fit="STRETCH"),
]


def calibration_set(programs, source, count):
    """The first pictures of a folder, as many as needed, or an archive as it is."""
    if not source.is_dir():
        return source
    folder = programs.files / "pictures"
    members = sorted(path for path in source.iterdir() if path.suffix in (".jpg", ".jpeg", ".png"))
    return build_inputs.write_folder(folder, {path.name: path.read_bytes() for path in members[:count]})


def prepare(pixels, network, wants_nhwc):
    """What the float model takes for uint8 RGB [1, H, W, 3]."""
    values = (pixels.astype(np.float32) / network.divisor - np.float32(network.mean)) / np.float32(network.std)
    if network.colours == "BGR":
        values = values[..., ::-1]
    return np.ascontiguousarray(values if wants_nhwc else values.transpose(0, 3, 1, 2), np.float32)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name.replace("-", "_").lower())
def test_network_converts(programs, network):
    data = data_folder()
    path = data / "models" / f"{network.name}.onnx"
    source = data / "images" / network.pictures
    options = ["--input-shape", network.shape] if network.shape else []
    text = configuration(network.mean, network.std, network.divisor, network.colours, network.fit)
    joint = open_session(build(programs, path, calibration_set(programs, source, network.samples), text, *options))
    reference = open_session(path)
    (taken,) = joint.get_inputs()
    assert taken.type == "tensor(uint8)" and taken.shape[0] == 1 and taken.shape[3] == 3
    assert [given.name for given in joint.get_outputs()] == [given.name for given in reference.get_outputs()]
    _, height, width, _ = taken.shape
    folder = pathlib.Path(data / "images/coco_val" if source.name == "coco_calib" else source)
    if folder.is_dir():
        pictures = [Image.open(name).convert("RGB") for name in sorted(folder.iterdir())[-4:]]
    else:
        pictures = [Image.fromarray(build_inputs.photo(number, 64)) for number in range(4)]
    outputs = {given.name: ([], []) for given in reference.get_outputs()}
    for picture in pictures:
        pixels = np.asarray(picture.resize((width, height), Image.BILINEAR))[None]
        feed = reference.get_inputs()[0]
        expected = reference.run(None, {feed.name: prepare(pixels, network, wants_nhwc=feed.shape[-1] == 3)})
        actual = joint.run(None, {taken.name: pixels})
        for (wanted, given), want, got in zip(outputs.values(), expected, actual):
            assert got.shape == want.shape and np.isfinite(got).all()
            wanted.append(want)
            given.append(got)
    # Of all pictures together: where there is nothing to detect an output is next to 0, and its direction says nothing.
    cosines = {name: cosine(wanted, given) for name, (wanted, given) in outputs.items()}
    for name, value in cosines.items():
        alone = " ".join(f"{cosine(want, got):.4f}" for want, got in zip(*outputs[name]))
        print(f"{network.name}: output {name}: cosine {value:.4f} (of each picture {alone})")
    assert min(cosines.values()) > network.least_cosine


TAIL = ["npu:0", "cpu:0"]


@pytest.mark.parametrize("name, chip, parts", [
    ("mobilenetv2", "AX620A", ["npu:0"]),
    ("face_RFB-320", "AX620A", TAIL),
    ("yunet_n_320", "AX630C", TAIL),
    ("ppocrv4_det", "AX650N", TAIL),
    ("nanodet_m_416", "AX620A", TAIL),
    # This chip lists no LayerNormalization: both transformer blocks are on the CPU.
    ("ppocrv4_rec", "AX620A", ["npu:0", "cpu:0", "npu:1", "cpu:1"]),
], ids=lambda value: value.replace("-", "_").lower() if isinstance(value, str) else None)
def test_parts_compute_the_whole(programs, name, chip, parts):
    """Each part as a model of its own, fed what those before it gave, ends at the same numbers, to the bit."""
    data = data_folder()
    network = next((network for network in NETWORKS if network.name == name), None)
    network = network or Network(name, "calib", *IMAGE_NET)
    path = data / "models" / f"{name}.onnx"
    text = configuration(network.mean, network.std, network.divisor, network.colours, network.fit)
    options = ["--input-shape", network.shape] if network.shape else []
    pictures = calibration_set(programs, data / "images" / network.pictures, 4)
    joint = build(programs, path, pictures, text, "--target", chip, "--preset", "fast", *options)
    manifest = json.loads(programs.run("joineryc", "info", joint, "--json").out)
    assert [part["name"] for part in manifest["parts"]] == parts

    whole = open_session(joint)
    (taken,) = whole.get_inputs()
    picture = Image.open(sorted(pictures.iterdir())[0]).convert("RGB")
    pixels = np.asarray(picture.resize((taken.shape[2], taken.shape[1]), Image.BILINEAR))[None]
    made = {taken.name: pixels}
    for part in parts:
        extracted = programs.files / "part.onnx"
        done = programs.run("joineryc", "extract", joint, part, "--output", extracted)
        assert done.code == 0, done.err
        session = open_session(extracted)
        results = session.run(None, {given.name: made[given.name] for given in session.get_inputs()})
        made.update(zip([given.name for given in session.get_outputs()], results))
    for given, result in zip(whole.get_outputs(), whole.run(None, {taken.name: pixels})):
        assert made[given.name].tobytes() == result.tobytes(), given.name
