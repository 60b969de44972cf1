"""Rigid registration of a scan into the frame of another: from two volumes to a matrix, and from it to voxels."""
