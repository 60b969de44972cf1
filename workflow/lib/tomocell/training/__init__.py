"""Training: from sparse labels on a few planes to a model that can be applied."""
