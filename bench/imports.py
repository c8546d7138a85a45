"""What importing a module costs: its time, and the heavy libraries that it pulls in."""

import re
import subprocess
import sys
from collections.abc import Collection

#: Each takes a good part of a second or tens of megabytes: only the function that needs one may import it.
HEAVY = frozenset(
    {
        "airflow",
        "elasticsearch",
        "huggingface_hub",
        "matplotlib",
        "pandas",
        "pyarrow",
        "scipy",
        "sklearn",
    }
)

#: `import time:  self [us] | cumulative | name`, as `-X importtime` writes it.
_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def cost_of_importing(modules: Collection[str]) -> tuple[float, set[str]]:
    """Import the modules in a fresh process; return the seconds it took and the heavy libraries it loaded."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {', '.join(modules)}"]
    trace = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = _LINE.findall(trace)
    return sum(int(own) for own, _ in found) / 1e6, {name.partition(".")[0] for _, name in found} & HEAVY
