"""Inference: a model applied tile by tile, logits averaged where tiles overlap, in a buffer that rolls."""
