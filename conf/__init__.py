"""The values of every configuration key, as YAML; a package, so that an installation carries it along."""
