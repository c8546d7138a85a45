"""Where the project is, and where its runs keep what they leave. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Everything that runs leave behind; elsewhere if FLYWHEEL_HOME says so.
HOME = Path(os.environ.get("FLYWHEEL_HOME") or ROOT / ".flywheel").expanduser().resolve()
