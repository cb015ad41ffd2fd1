"""The command lines that the vendor's users have in their notes, word for word."""

import json
import re
import shlex

import models
import numpy as np
import pytest
from inputs import CONFIGURATION, jpeg, photo, photos, write_tar
from programs import BIN
from service import data_folder

BUILD = ("pulsar build --input mobilenetv2.onnx --output mobilenetv2.joint --config config_mobilenetv2.prototxt "
         "--output_config out_config_mobilenet_v2.prototxt")
RUN = ("pulsar run mobilenetv2.onnx mobilenetv2.joint --input cat.jpg --config out_config_mobilenet_v2.prototxt "
       "--output_gt gt")
TIME = "run_joint mobilenetv2.joint --repeat 100 --warmup 10"
REAL_INPUT = "run_joint mobilenetv2.joint --data cat.bin --bin-out-dir ./"


def command(programs, line):
    program, *arguments = shlex.split(line)
    done = programs.run(program, *arguments)
    assert done.code == 0, done.err
    return done


def write_small_network(folder):
    (folder / "mobilenetv2.onnx").write_bytes(models.classifier(data="input.1", scores="536", classes=1000).model())
    (folder / "config_mobilenetv2.prototxt").write_text(CONFIGURATION)
    write_tar(folder / "calib.tar", photos())
    (folder / "cat.jpg").write_bytes(jpeg(99))
    (folder / "cat.bin").write_bytes(photo(99).tobytes())


def write_real_network(folder):
    data = data_folder()
    if data is None:
        pytest.skip("skipped: no JOINERY_DATA")
    from PIL import Image
    (folder / "mobilenetv2.onnx").symlink_to(data / "models/mobilenetv2.onnx")
    (folder / "calib.tar").symlink_to(data / "images/calib_224.tar")
    (folder / "config_mobilenetv2.prototxt").write_text(CONFIGURATION)
    cat = Image.open(data / "images/cat_282.jpg").convert("RGB")
    side = min(cat.size)
    left, top = (cat.width - side) // 2, (cat.height - side) // 2
    cat = cat.crop((left, top, left + side, top + side)).resize((224, 224), Image.BILINEAR)
    cat.save(folder / "cat.jpg", quality=95)
    (folder / "cat.bin").write_bytes(np.asarray(Image.open(folder / "cat.jpg")).tobytes())


def check_all_steps(programs, size, least_cosine):
    """Steps 5, 7, 8 and 9 of the vendor's guide; returns what step 9 writes and what the float model says."""
    folder = programs.files
    assert "File saved: mobilenetv2.joint" in command(programs, BUILD).out
    assert (folder / "out_config_mobilenet_v2.prototxt").stat().st_size > 0

    told = command(programs, RUN)
    assert "warning" not in told.err, told.err
    assert "dumped '536' to 'gt/joint/536.bin'." in told.out
    assert "###### Comparing mobilenetv2.onnx" in told.out and "Score compare table:" in told.out
    (line,) = [line for line in told.out.splitlines() if line.startswith("Layer: ")]
    matched = re.fullmatch(r"Layer: 536  2-norm RE: (\d+\.\d\d)%  cosine-sim: ([01]\.\d{4})", line)
    assert matched, line
    assert float(matched.group(2)) >= least_cosine
    outputs = {}
    for name, shape, kind in (("input/input.1", (1, size, size, 3), np.uint8), ("onnx/536", (1, 1000), np.float32),
                              ("joint/536", (1, 1000), np.float32)):
        array = np.load(folder / "gt" / f"{name}.npy")
        assert (array.shape, array.dtype) == (shape, kind)
        assert array.tobytes() == (folder / "gt" / f"{name}.bin").read_bytes()
        outputs[name] = array
    assert (folder / "gt/input/filename.txt").read_text() == "cat.jpg\n"
    expected, actual = (outputs[name].ravel().astype(np.float64) for name in ("onnx/536", "joint/536"))
    relative_error = np.linalg.norm(actual - expected) / np.linalg.norm(expected)
    assert abs(100 * relative_error - float(matched.group(1))) < 0.01

    timed = command(programs, TIME).out
    assert re.search(r"^Run task took \d+ us \(99 rounds for average\)", timed, re.MULTILINE)
    assert re.search(rf"^Input\[0\]: input\.1\n +Shape \[1, {size}, {size}, 3\] NHWC uint8 RGB", timed, re.MULTILINE)
    assert re.search(r"^Output\[0\]: 536$", timed, re.MULTILINE)
    assert "on this host" in timed and "Quantization Type is 8 bit" in timed

    command(programs, REAL_INPUT)
    assert (folder / "536.bin").stat().st_size == 4000
    scores = np.fromfile(folder / "536.bin", dtype=np.float32)
    # The picture's bytes, or the ones that `run` saved: the same input, the same output.
    command(programs, f"run_joint mobilenetv2.joint --data gt/input/input.1.bin --bin-out-dir {folder / 'gt'}")
    assert (folder / "gt/536.bin").read_bytes() == (folder / "gt/joint/536.bin").read_bytes()
    return scores, outputs["onnx/536"].ravel()


def test_guide_on_a_small_network(programs):
    write_small_network(programs.files)
    scores, expected = check_all_steps(programs, size=32, least_cosine=0.99)
    assert np.isfinite(scores).all()
    assert np.corrcoef(scores, expected)[0, 1] > 0.9


def test_guide_on_the_real_network(programs):
    write_real_network(programs.files)
    scores, expected = check_all_steps(programs, size=224, least_cosine=0.97)
    assert expected.argmax() == 282  # Tiger cat; tabby, 281, comes close.
    assert 282 in scores.argsort()[-2:]


def test_programs_of_the_vendors_names():
    for name in ("pulsar", "run_joint"):
        assert (BIN / name).resolve() == (BIN / "joineryc").resolve()


def test_command_line_comes_before_the_configuration(programs):
    write_small_network(programs.files)
    command(programs, BUILD + " --virtual_npu 0 --target_hardware AX620 --calibration_batch_size 1 --output_dir work")
    manifest = json.loads(command(programs, "pulsar info mobilenetv2.joint --json").out)
    assert manifest["configuration"]["target"] == {"hardware": "AX620", "virtual_npu": "0"}


def test_written_configuration_builds_the_same(programs):
    """It is complete: nothing else is needed, and nothing changes."""
    write_small_network(programs.files)
    command(programs, BUILD)
    first = (programs.files / "mobilenetv2.joint").read_bytes()
    (programs.files / "mobilenetv2.joint").unlink()
    command(programs, "pulsar build --config out_config_mobilenet_v2.prototxt")
    assert (programs.files / "mobilenetv2.joint").read_bytes() == first


def test_info(programs):
    write_small_network(programs.files)
    command(programs, BUILD)
    told = command(programs, "pulsar info mobilenetv2.joint --output_json info.json").out
    for word in ("Information of mobilenetv2.joint:", "input.1", "536", "AX620", "Virtual NPU: 111", "npu:0"):
        assert word in told
    manifest = json.loads((programs.files / "info.json").read_text())
    assert [given["name"] for given in manifest["outputs"]] == ["536"]
    assert "input.1" in command(programs, "pulsar info mobilenetv2.onnx").out


def test_wrong_input_of_run_joint(programs):
    write_small_network(programs.files)
    command(programs, BUILD)
    (programs.files / "cat.bin").write_bytes(bytes(100))
    done = programs.run("run_joint", "mobilenetv2.joint", "--data", "cat.bin", "--bin-out-dir", "./")
    assert done.code == 1, done
    assert all(word in done.err for word in ("cat.bin", "100 bytes", "3072", "input.1"))
    assert not (programs.files / "536.bin").exists()
    done = programs.run("run_joint", "mobilenetv2.onnx")
    assert done.code == 1 and "mobilenetv2.onnx" in done.err, done
    done = programs.run("run_joint", "none.joint")
    assert done.code == 10 and "none.joint" in done.err, done
