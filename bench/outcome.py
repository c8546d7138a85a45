"""What a benchmark prints: a table for people, then one line of JSON with its targets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

#: Wide enough for every table where the output is no terminal, such as in a file.
_COLUMNS = 160


@dataclass(frozen=True)
class Target:
    """A measured value, and the most it may be (the least, with `at_least`)."""

    value: float
    limit: float
    at_least: bool = False

    @property
    def ok(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of texts; the first column is a name, all others are numbers."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.width = max(console.width, _COLUMNS)
    console.print(table)


def finish(bench: str, targets: Mapping[str, Target]) -> int:
    """Print `{"bench": name, "targets": {what: {"value", "target", "ok"}}}`; return 1 when a target is missed, else 0."""
    verdicts = {
        what: {"value": round(target.value, 3), "target": target.limit, "ok": target.ok}
        for what, target in targets.items()
    }
    print(json.dumps({"bench": bench, "targets": verdicts}), flush=True)
    return 0 if all(target.ok for target in targets.values()) else 1
