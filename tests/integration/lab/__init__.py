"""What the integration tests need beside the laboratory of `examples/lab`, which they share.

The example must not import tests, so its directory joins the import path here.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples" / "lab"))
