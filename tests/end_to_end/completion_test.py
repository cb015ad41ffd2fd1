"""Completion in bash, of the scripts that the programs print."""

import subprocess

import pytest

ASK = """
COMP_WORDS=("$0" "$@"); COMP_CWORD=$#
"_$0"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(programs, program, *words):
    """What bash offers for the last of `words`."""
    script = programs.run(program, "completion", "bash")
    assert script.code == 0, script.err
    asked = subprocess.run(["bash", "-c", script.out + ASK, program, *words], capture_output=True, text=True, check=True)
    assert asked.stderr == ""
    return asked.stdout.split()


@pytest.mark.parametrize("program, words, offered", [
    ("joinery", ["jobs", "li"], ["list"]),
    ("joinery", ["admin", "token", "re"], ["revoke"]),
    ("joinery", ["build", "model.onnx", "--calibration"], ["--calibration", "--calibration-method"]),
    ("joineryc", ["config", "ch"], ["check"]),
    ("joineryc", ["an"], ["analyze"]),
    ("joineryc", ["build", "--html"], ["--html-report"]),
])
def test_commands_and_options_are_completed(programs, program, words, offered):
    assert sorted(complete(programs, program, *words)) == sorted(offered)


@pytest.mark.parametrize("program", ["joinery", "joineryc"])
def test_each_shell_has_a_script_that_names_the_program(programs, program):
    for shell, begin in (("zsh", f"#compdef {program}\n"), ("fish", f"complete -c {program} ")):
        assert programs.run(program, "completion", shell).out.startswith(begin)
    assert programs.run(program, "completion", "tcsh").code == 2
