"""`python -m emu`."""
import sys

from .cli.main import main

sys.exit(main())
