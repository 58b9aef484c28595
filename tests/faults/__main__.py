"""`python -m tests.faults`: the long form. Nothing is imported before it is known that this is the command itself."""

import sys

if __name__ == "__main__":
    from tests.faults.long_form import main

    sys.exit(main())
