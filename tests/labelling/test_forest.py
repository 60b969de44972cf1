"""The forest as arrays says what scikit-learn's says; arrays that are no forest are refused."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from tomocell.errors import BadInput
from tomocell.labelling.forest import Forest, forest_of, grow
from tomocell.labelling.settings import ClassifierSettings

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ClassifierSettings(name="f", classes=("a", "b", "c"), trees=12, most_depth=6, seed=3)
RANDOM = np.random.default_rng(5)
ROWS = RANDOM.random((400, 5)).astype(np.float32)
TARGETS = (ROWS[:, 1] + ROWS[:, 3] > 1).astype(np.int64) + (ROWS[:, 0] > 0.8)


def test_it_answers_as_scikit_learn_does() -> None:
    theirs = RandomForestClassifier(12, max_depth=6, min_samples_leaf=2, class_weight="balanced", random_state=3).fit(
        ROWS, TARGETS
    )
    fresh = RANDOM.random((3000, 5)).astype(np.float32)
    np.testing.assert_array_equal(grow(ROWS, TARGETS, SETTINGS).label(fresh), theirs.predict(fresh))


def test_the_same_rows_give_the_same_forest_and_another_seed_another() -> None:
    one, same, other = (grow(ROWS, TARGETS, SETTINGS.model_copy(update={"seed": seed})) for seed in (3, 3, 4))
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, same.arrays()[name])
    assert len(other.feature) != len(one.feature) or (other.threshold != one.threshold).any()


def test_rare_classes_count_like_common_ones() -> None:
    rows = np.concatenate([np.zeros((990, 1)), np.ones((10, 1))]).astype(np.float32)
    noisy = np.concatenate([np.zeros(990), np.ones(6), np.zeros(4)]).astype(np.int64)
    two = ClassifierSettings(name="f", classes=("a", "b"), trees=20)
    np.testing.assert_array_equal(grow(rows, noisy, two).label(rows), rows[:, 0].astype(int))


BREAK: dict[str, Callable[[dict[str, Any]], object]] = {
    "a way back": lambda arrays: arrays["children"].__setitem__((arrays["feature"] >= 0).argmax(), 0),
    "a way out": lambda arrays: arrays["children"].__setitem__((arrays["feature"] >= 0).argmax(), 10**6),
    "a root outside": lambda arrays: arrays["roots"].__setitem__(0, -1),
    "an unknown feature": lambda arrays: arrays["feature"].__setitem__(0, 5),
    "an array too few": lambda arrays: arrays.pop("roots"),
    "an array too many": lambda arrays: arrays.update(more=np.zeros(1)),
    "another type": lambda arrays: arrays.update(children=arrays["children"].astype(np.float64)),
    "too short": lambda arrays: arrays.update(shares=arrays["shares"][1:]),
}


@pytest.mark.parametrize("spoil", BREAK.values(), ids=BREAK.keys())
def test_arrays_that_are_no_forest_are_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    arrays: dict[str, Any] = {name: array.copy() for name, array in grow(ROWS, TARGETS, SETTINGS).arrays().items()}
    assert isinstance(forest_of(arrays, 5, 3, "here"), Forest)
    spoil(arrays)
    with pytest.raises(BadInput, match=r"here.*5 features and 3 classes"):
        forest_of(arrays, 5, 3, "here")


def test_to_use_a_forest_needs_no_scikit_learn() -> None:
    code = "import sys; sys.modules['sklearn'] = None\nfrom tomocell.stages import classify\nassert classify.classify"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
