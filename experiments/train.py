"""`python -m experiments.train`: one run, or with -m or a `sweep=` preset one run per combination.

Nothing heavy is imported before the publisher is started, whose own import of MLflow takes longer than all the rest.
"""

import sys

from experiments.tracking import early

_ONLY_ASKED = {"--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc",
               "dry_run=true"}  # fmt: skip


def main() -> int:
    """Run the command line and return the exit code."""
    from experiments import hydra_main  # noqa: PLC0415  # half a second

    return hydra_main.main()


if __name__ == "__main__":
    if not _ONLY_ASKED & set(sys.argv[1:]):
        early.start()
    sys.exit(main())
