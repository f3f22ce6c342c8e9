"""`python -m filebody`, where the command is not on the path."""

import sys

from filebody.cli import main

sys.exit(main())
