"""From typed settings and images to trained weights. No file is written here, no tracker known."""
