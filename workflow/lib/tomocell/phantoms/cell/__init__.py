"""A lithium cell as a function of place and charge: surfaces, motion, picture, truth.

The cell is defined in continuous coordinates of the *sample frame*: voxels of the reference scan along (Z, Y, X),
origin at the centre of its voxel (0, 0, 0), plane 0 on the stripping side. Nothing here needs a whole volume.
"""
