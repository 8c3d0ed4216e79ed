"""``python -m placa`` is ``placa``."""

import sys

from placa.cli import main

sys.exit(main())
