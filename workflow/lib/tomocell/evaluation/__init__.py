"""Labels held against the truth: how many voxels, surfaces, certainties and physical numbers are right."""
