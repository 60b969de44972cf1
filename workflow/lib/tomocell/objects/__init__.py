"""Objects of a class: labelled block by block, joined across blocks, measured in one streaming pass."""
