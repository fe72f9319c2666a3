"""The terminal that tables and progress are shown on."""

import os
import sys

from rich.console import Console

#: columns when the output is no terminal: nothing has to be cut off for a file
FILE_WIDTH = 160


def open_console() -> Console:
    """Make the console for standard output; texts are shown as they are, without markup."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else FILE_WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)
