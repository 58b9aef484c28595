"""What runs have in common and what sets them apart."""
