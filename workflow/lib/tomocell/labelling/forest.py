"""A random forest: grown by scikit-learn from labelled voxels, kept as plain arrays, asked without scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from tomocell.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tomocell.labelling.settings import ClassifierSettings


KINDS = ("int64", "float64", "int64", "float64", "int64")  # of the arrays, in their order


@dataclass(frozen=True)
class Forest:
    """Trees, one behind the other.

    Attributes:
        feature: What each node asks for; below 0 for a leaf. Shape (nodes,), int64.
        threshold: At or below it the way goes left. Shape (nodes,), float64.
        children: Left and right child; an inner node's lie behind it. Shape (nodes, 2), int64.
        shares: Of the classes among the labelled voxels of each node. Shape (nodes, classes), float64.
        roots: First node of each tree. Shape (trees,), int64.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    children: NDArray[np.int64]
    shares: NDArray[np.float64]
    roots: NDArray[np.int64]

    def label(self, rows: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the class index of each row of features, shape (voxels, features)."""
        from tomocell.labelling.kernels import vote

        return vote(rows, self.feature, self.threshold, self.children, self.shares, self.roots)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def grow(rows: NDArray[np.float32], targets: NDArray[np.int64], settings: ClassifierSettings) -> Forest:
    """Return a forest that tells the classes ``targets`` apart by the features ``rows``; classes count alike.

    Every class of ``settings`` occurs in ``targets``. The same rows in the same order give the same forest.
    """
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(
        n_estimators=settings.trees,
        max_depth=settings.most_depth,
        min_samples_leaf=settings.least_leaf_voxels,
        class_weight="balanced",
        random_state=settings.seed,
        n_jobs=1,
    )
    trees = [estimator.tree_ for estimator in model.fit(rows, targets).estimators_]
    sizes = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    children = [
        np.stack([tree.children_left, tree.children_right], axis=1) + root
        for tree, root in zip(trees, roots, strict=True)
    ]
    shares = np.concatenate([tree.value[:, 0, :] for tree in trees])
    return Forest(
        np.concatenate([tree.feature for tree in trees]).astype(np.int64),
        np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        np.concatenate(children).astype(np.int64),
        (shares / shares.sum(axis=1, keepdims=True)).astype(np.float64),
        roots,
    )


def forest_of(arrays: Mapping[str, NDArray[np.generic]], features: int, classes: int, where: str) -> Forest:
    """Return the forest that ``arrays`` hold, after checking that no way leads out of it or round in it.

    Raises:
        BadInput: If they are no forest of so many features and classes.
    """
    expected = f"a forest of {features} features and {classes} classes"
    try:
        forest = Forest(**{field.name: np.ascontiguousarray(arrays[field.name]) for field in fields(Forest)})
    except KeyError as error:
        raise BadInput(Fault(where, f"no array {error}", expected, "train the classifier again")) from error
    if set(arrays) != set(forest.arrays()) or not _is_sound(forest, features, classes):
        raise BadInput(Fault(where, "arrays that do not fit", expected, "train the classifier again"))
    return forest


def _is_sound(forest: Forest, features: int, classes: int) -> bool:
    nodes = len(forest.feature)
    shapes = (forest.threshold.shape, forest.children.shape, forest.shares.shape)
    kinds = tuple(str(array.dtype) for array in forest.arrays().values())
    if shapes != ((nodes,), (nodes, 2), (nodes, classes)) or kinds != KINDS:
        return False
    inner = forest.feature >= 0
    below = forest.children[inner]
    leads_on = (below > np.flatnonzero(inner)[:, None]).all() and (below < nodes).all()
    starts = len(forest.roots) > 0 and bool(((forest.roots >= 0) & (forest.roots < nodes)).all())
    return bool(leads_on and starts and (forest.feature < features).all())
