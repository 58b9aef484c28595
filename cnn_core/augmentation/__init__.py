"""One transformation of images a file: a pure function of uint8 images and a row of parameters for each of them.

Beside it stands what draws those parameters. The two are apart so that all chance of an epoch can be drawn at once, and
any images of it be transformed later, in any order and in batches of any size, with the same result. No function loops
over images, and none changes what it is given.
"""
