"""A small explainable model: logistic regression with shrinkage, by Newton's method. Plain numbers, no tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHRINK = 1.0
"""Weight of the squared coefficients against the likelihood: a rule seen a few times stays near the average."""
STEPS, CLOSE = 50, 1e-8
FOLDS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Coefficients over standardised columns. ``means`` and ``scales`` belong to the columns, NaN counts as the mean."""

    names: tuple[str, ...]
    means: Floats
    scales: Floats
    intercept: float
    weights: Floats

    def parts(self, rows: Floats) -> Floats:
        """Return what each column adds to the log-odds of each row."""
        return standardised(rows, self.means, self.scales) * self.weights

    def chances(self, rows: Floats) -> Floats:
        """Return the probability of each row."""
        return logistic(self.intercept + self.parts(rows).sum(axis=1))

    def as_json(self) -> dict[str, Any]:
        """Return the fit as it is stored and shown."""
        columns = zip(self.names, self.means.tolist(), self.scales.tolist(), self.weights.tolist(), strict=True)
        listed = [
            {"name": name, "mean": mean, "scale": scale, "weight": weight} for name, mean, scale, weight in columns
        ]
        return {"intercept": self.intercept, "columns": listed}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Fit:
        """Read a stored fit."""
        columns = stored["columns"]
        mean, scale, weight = (np.array([each[key] for each in columns], float) for key in ("mean", "scale", "weight"))
        return cls(tuple(each["name"] for each in columns), mean, scale, float(stored["intercept"]), weight)


def logistic(values: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0)))


def standardised(rows: Floats, means: Floats, scales: Floats) -> Floats:
    return np.nan_to_num((rows - means) / scales, nan=0.0)


def fit(names: Sequence[str], rows: Floats, outcomes: NDArray[np.bool_]) -> Fit:
    """Fit the coefficients to outcomes (True: confirmed). Columns that never vary get no weight."""
    known = np.isfinite(rows)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, rows, 0.0).sum(axis=0) / counts
    spread = np.sqrt(np.where(known, (rows - means) ** 2, 0.0).sum(axis=0) / counts)
    scales = np.where(spread > 1e-9, spread, 1.0)
    table = np.column_stack([np.ones(len(rows)), standardised(rows, means, scales)])
    wanted = outcomes.astype(float)
    shrink = np.full(table.shape[1], SHRINK)
    shrink[0] = 1e-6  # the intercept is the share of confirmed ones, not to be shrunk
    weights = np.zeros(table.shape[1])
    for _ in range(STEPS):
        chance = logistic(table @ weights)
        slope = table.T @ (wanted - chance) - shrink * weights
        curve = (table * (chance * (1.0 - chance))[:, None]).T @ table + np.diag(shrink)
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < CLOSE:
            break
    return Fit(tuple(names), means, scales, float(weights[0]), weights[1:])


def rightly_ordered(scores: Floats, outcomes: NDArray[np.bool_]) -> float | None:
    """Return the share of (confirmed, dismissed) pairs whose confirmed one scores higher, ties half; None without pairs."""
    good, bad = int(outcomes.sum()), int((~outcomes).sum())
    if not good or not bad:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[outcomes].sum() - good * (good + 1) / 2.0) / (good * bad))


def unseen_chances(names: Sequence[str], rows: Floats, outcomes: NDArray[np.bool_]) -> Floats:
    """Return the chance of each row from a model that did not see it (every fifth row left out in turn)."""
    found = np.full(len(rows), float(outcomes.mean()))
    fold = np.arange(len(rows)) % FOLDS
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        if outcomes[seen].any() and not outcomes[seen].all():
            found[unseen] = fit(names, rows[seen], outcomes[seen]).chances(rows[unseen])
    return found
