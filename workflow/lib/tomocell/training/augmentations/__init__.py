"""What is done to a patch before the network sees it; one file each.

``apply`` draws; each other module offers ``change(grey, random, settings, ...)`` or, where labels move too, ``move``.
Grey values are in standard deviations of the training set, shape (planes, rows, columns) or (1, Z, Y, X).
"""
