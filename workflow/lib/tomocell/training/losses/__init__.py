"""Losses: one file each, found by discovery.

A module here offers

- ``Settings``: a frozen class, each field described;
- ``sums(logits, target, weights, settings)``: numbers, shape (n,), that add up over voxels: those of a batch are the
  sum of those of its patches, and those of all ranks the sum of each rank's;
- ``value(sums, weights, settings)``: the loss that such sums make.

So a loss of several ranks, its gradient included, is exactly the loss of their patches together, however few labels
one of them drew; a mean of each rank's mean would not be. ``logits`` have shape (N, classes, ...), and ``target``,
shape (N, ...), holds class indices, ``IGNORED`` where a voxel is not labelled: such voxels add nothing. ``weights``,
shape (classes,), are those of the classes. The loss of nothing labelled is 0.
"""
