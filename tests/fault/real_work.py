"""Work for the real compiler: a few builds, and what they give when nothing goes wrong."""

import inputs
import models
from traffic import Work

VARIANTS = 4


def _build(programs, number):
    folder = programs.files / f"variant{number}"
    folder.mkdir()
    made = inputs.write_inputs(folder, models.classifier(classes=5 + number).model(), inputs.photos(4 + number))
    output = folder / "out.joint"
    done = programs.run("joineryc", "build", *made.compiler_arguments(), "--output", output, seconds=300)
    assert done.code == 0, done.err
    return Work(made.model.read_bytes(), made.calibration.read_bytes(), made.configuration.read_bytes(),
                output.read_bytes())


class RealWork:
    """The same bytes must come from a storm as from a quiet command line."""

    def __init__(self, programs):
        self._variants = [_build(programs, number) for number in range(VARIANTS)]

    def for_client(self, chance):
        return _Source(self._variants, chance)


class _Source:
    def __init__(self, variants, chance):
        self._variants, self._chance = variants, chance

    def next(self):
        work = self._chance.choice(self._variants)
        # A comment changes nothing in what is made, but no job can be answered from another's result.
        comment = f"# {self._chance.random()}\n".encode()
        return work._replace(configuration=work.configuration + comment)
