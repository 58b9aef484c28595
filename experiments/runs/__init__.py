"""One run: its name, its folder, its course."""
