"""The table of all published latencies in docs/cost_model.md, between two lines of comment."""
import re
from pathlib import Path

import numpy as np

from published import Row

BEGIN = "<!-- Written by tests/bench/cost_model/update: do not edit. -->\n"
END = "<!-- End of what update wrote. -->\n"


def errors_of(rows: list[Row]) -> np.ndarray:
    return np.array([abs(row.estimate_ms / row.latency_ms - 1) for row in rows])


def line(name: str, errors: np.ndarray) -> str:
    if len(errors) == 0:
        return f"| {name} | 0 | | |"
    return f"| {name} | {len(errors)} | {100 * np.median(errors):.0f} % | {100 * np.percentile(errors, 90):.0f} % |"


def summary(rows: list[Row]) -> str:
    """How far off, on which half, by chip and mode."""
    compared = [row for row in rows if row.estimate_ms is not None and not row.reason]
    tested, fitted = ([row for row in compared if row.is_fitted == wanted] for wanted in (False, True))
    lines = ["| latencies | number | median error | 90th percentile |", "|---|---|---|---|",
             line("**not used for fitting**", errors_of(tested)), line("used for fitting", errors_of(fitted))]
    for target, mode in sorted({(row.target, row.mode) for row in compared}):
        of_mode = [row for row in tested if (row.target, row.mode) == (target, mode)]
        lines.append(line(f"not used for fitting, {target} {mode}", errors_of(of_mode)))
    for family in sorted({row.family for row in tested}):
        lines.append(line(f"not used for fitting, {family}", errors_of([row for row in tested if row.family == family])))
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def compared_table(rows: list[Row]) -> str:
    lines = ["| network | chip | mode | published as | ms | estimate | error | |", "|---|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row.network, row.target, row.mode)):
        lines.append(f"| {row.network} | {row.target} | {row.mode} | {cell(row.model)} {row.picture} on {cell(row.chip)} | "
                     f"{row.latency_ms:g} | {row.estimate_ms:.3g} | {100 * (row.estimate_ms / row.latency_ms - 1):+.0f} % | "
                     f"{'fitted' if row.is_fitted else 'tested'} |")
    return "\n".join(lines) + "\n"


def left_out_table(rows: list[Row]) -> str:
    lines = ["| published as | chip, mode | ms | estimate | why it does not count |", "|---|---|---|---|---|"]
    for row in rows:
        latency = "" if row.latency_ms is None else f"{row.latency_ms:g}"
        estimate = "" if row.estimate_ms is None else f"{row.estimate_ms:.3g}"
        lines.append(f"| {cell(row.model)} {row.picture} | {cell(row.chip)}, {cell(row.published_mode)} | {latency} | "
                     f"{estimate} | {row.reason} |")
    return "\n".join(lines) + "\n"


def write(path: Path, rows: list[Row]) -> None:
    compared = [row for row in rows if not row.reason]
    left_out = [row for row in rows if row.reason]
    text = (summary(rows) + f"\n### The {len(compared)} that are compared\n" + compared_table(compared)
            + f"\n### The {len(left_out)} others\nAn estimate stands where chip, mode and network are known; it is for 8 bits.\n"
            + left_out_table(left_out))
    page = path.read_text()
    found = re.search(re.escape(BEGIN) + ".*?" + re.escape(END), page, flags=re.DOTALL)
    path.write_text(page[:found.start()] + BEGIN + text + END + page[found.end():])
