"""`python -m proclaim_cli`, where no script is installed."""

from __future__ import annotations

import sys

from proclaim_cli.main import main

sys.exit(main())
