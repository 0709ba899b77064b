"""``python -m bnfast``: the same as the ``bnfast`` command."""

import sys

from bnfast.cli import main

if __name__ == "__main__":
    sys.exit(main())
