"""The mathematics held against PyTorch: the same arrays in, the same numbers out, over random settings."""
