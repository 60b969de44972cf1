"""Inference: a model applied tile by tile, logits averaged where tiles overlap, labels written block by block."""
