"""``python -m gradus`` is ``gradus``."""

import sys

from gradus.cli.main import main

sys.exit(main())
