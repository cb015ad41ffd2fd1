"""The same inputs give the same bytes, however they are built."""

import models
import pytest
from inputs import arrays, photos, png, write_folder, write_inputs
from programs import files_below


def build(programs, inputs, name, *options):
    output = programs.files / name
    done = programs.run("joineryc", "build", *inputs.compiler_arguments(), "--output", output, *options)
    assert done.code == 0, done.err
    return output.read_bytes()


@pytest.fixture
def wide_inputs(programs):
    """Enough samples, tensors and channels that threads meet."""
    return write_inputs(programs.files, models.slow_classifier(size=16, depth=5).model(), arrays(24, 16))


def test_two_runs(programs, wide_inputs):
    assert build(programs, wide_inputs, "a.joint") == build(programs, wide_inputs, "b.joint")


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_any_number_of_threads(programs, wide_inputs, threads):
    assert (build(programs, wide_inputs, "one.joint", "--threads", 1) ==
            build(programs, wide_inputs, "many.joint", "--threads", threads))


def test_folder_and_tar(programs, inputs):
    from_tar = build(programs, inputs, "tar.joint")
    inputs.calibration = write_folder(programs.files / "photos", photos())
    assert build(programs, inputs, "folder.joint") == from_tar


def test_other_samples_give_other_bytes(programs, inputs):
    """The comparisons above would see a difference."""
    from_tar = build(programs, inputs, "tar.joint")
    inputs.calibration = write_folder(programs.files / "photos", photos(7))
    assert build(programs, inputs, "folder.joint") != from_tar


def test_local_and_through_the_server(programs, service, inputs):
    service.start_server()
    service.start_worker()
    local = build(programs, inputs, "local.joint")
    for calibration in (inputs.calibration, write_folder(programs.files / "photos", photos())):
        inputs.calibration = calibration
        done = service.client("build", *inputs.client_arguments(), "-o", programs.files / "served.joint")
        assert done.code == 0, done.err
        assert (programs.files / "served.joint").read_bytes() == local


def test_nothing_but_the_result_is_written(programs, inputs):
    """No cache, no log, no device id, as libraries like to leave them in the user's folders."""
    before = files_below(programs.files)
    build(programs, inputs, "out.joint")
    photo = programs.files / "photo.png"
    photo.write_bytes(png(1))
    done = programs.run("joineryc", "run", inputs.model, "out.joint", "--input", photo)
    assert done.code == 0, done.err
    assert set(files_below(programs.files)) - set(before) == {programs.files / "out.joint", photo}
    assert files_below(programs.temporary) == [] and files_below(programs.home) == []
