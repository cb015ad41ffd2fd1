"""Finds the figures of the cost model: those with which it comes nearest to the latencies that are fitted to.

Deterministic: a search along one coordinate after the other, with steps that grow where they help and shrink where not.
"""
from pathlib import Path

import numpy as np

from model import CHIP_FAMILIES, CHIPS, UNKNOWN_CHIPS, Chip, Rows

# Channels that the multipliers take at a time: of 1, 8, 16 and 32 those with the least error in cross-validation.
ALIGNMENT = (8, 16)
# Where the search starts, and what a figure without evidence is drawn to.
START = {"convolution": 0.75, "depthwise": 0.1, "matmul": 0.4, "vector": 8.0, "activation": 1.0, "move": 1.0,
         "normalize": 3.0, "pool": 1.0, "layer": 2.0, "network": 80.0, "bandwidth": 0.7, "buffer": 2e6}
# The same on all chips; of the others each family has its own, drawn to a shared one.
SHARED = ("activation", "normalize", "pool")
SHARES_OF_PEAK = ("convolution", "matmul", "bandwidth")
# Errors below this count by their square, so that the search does not chase single rows; above by their size.
SMALL = 0.15
PULL_TO_SHARED = 0.06
PULL_TO_START = 0.004


class Fit:
    """Logarithms of figures, relative to START: a shared one each, and for each family of chips how far it is from that."""

    def __init__(self, rows: list, tables: Path, alignment: tuple[int, int] = ALIGNMENT) -> None:
        self.rows = Rows(rows, tables, alignment)
        self.published = np.log([row.latency_ms for row in rows])
        self.names = list(START)
        count = len(self.names)
        self.point = np.zeros((1 + len(CHIP_FAMILIES), count))
        self.free = [(family, index) for family in range(1 + len(CHIP_FAMILIES)) for index in range(count)
                     if family == 0 or self.names[index] not in SHARED]

    def figures(self) -> dict[str, np.ndarray]:
        logs = self.point[0] + self.point[1:]
        return {name: START[name] * np.exp(logs[:, index]) for index, name in enumerate(self.names)}

    def loss(self) -> float:
        figures = self.figures()
        error = np.abs(np.log(self.rows.milliseconds(figures)) - self.published)
        robust = np.where(error < SMALL, error * error / (2 * SMALL), error - SMALL / 2).mean()
        impossible = sum(np.maximum(0, np.log(figures[name])).sum() for name in SHARES_OF_PEAK)
        return robust + impossible + PULL_TO_SHARED * (self.point[1:] ** 2).mean() + (
            PULL_TO_START * (self.point[0] ** 2).mean())

    def search(self, rounds: int = 60) -> "Fit":
        steps = np.full(self.point.shape, 0.5)
        best = self.loss()
        for _ in range(rounds):
            for place in self.free:
                best, helped = self._step(place, steps[place], best)
                steps[place] *= 1.3 if helped else 0.5
            if max(steps[place] for place in self.free) < 1e-3:
                break
        return self

    def _step(self, place: tuple[int, int], step: float, best: float) -> tuple[float, bool]:
        before = self.point[place]
        for direction in (1, -1):
            self.point[place] = before + direction * step
            if (found := self.loss()) < best - 1e-9:
                return found, True
        self.point[place] = before
        return best, False


def fit_unknown_chip(target: str, rows: list, tables: Path, figures: dict[str, np.ndarray]) -> Chip:
    """Peak and memory of a chip that has neither published, with the figures of its family."""
    published = np.log([row.latency_ms for row in rows])

    def loss(logs: tuple[float, float]) -> float:
        CHIPS[target] = UNKNOWN_CHIPS[target].with_figures(*np.exp(logs))
        error = np.abs(np.log(Rows(rows, tables, ALIGNMENT).milliseconds(figures)) - published)
        return np.where(error < SMALL, error * error / (2 * SMALL), error - SMALL / 2).mean()

    # From 0.5 to 20 for both, then around the best with steps that shrink.
    grid = np.linspace(np.log(0.5), np.log(20), 16)
    best = min(((x, y) for x in grid for y in grid), key=loss)
    step = grid[1] - grid[0]
    while step > 1e-3:
        near = [(best[0] + i * step, best[1] + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        found = min(near, key=loss)
        step, best = (step, found) if loss(found) < loss(best) else (step / 2, best)
    loss(best)
    return CHIPS[target]


def cross_validate(rows: list, tables: Path, alignment: tuple[int, int] = ALIGNMENT) -> np.ndarray:
    """Errors of rows that were fitted to, each estimated from the families of networks that it does not belong to."""
    errors = []
    for family in sorted({row.family for row in rows}):
        fit = Fit([row for row in rows if row.family != family], tables, alignment).search(rounds=30)
        held_out = [row for row in rows if row.family == family]
        estimates = Rows(held_out, tables, alignment).milliseconds(fit.figures())
        errors.append(np.abs(estimates / [row.latency_ms for row in held_out] - 1))
    return np.concatenate(errors)
