"""Specification of `cnn_core`, checked against loops over images and pixels, hand arithmetic and derivatives."""
