"""Volumes: where voxels are read from and written to."""
