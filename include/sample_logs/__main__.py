"""Write the sample logs from a shell: `python -m include.sample_logs --out FILE.jsonl[.gz]`."""

import argparse
import datetime
import json
import sys
from collections.abc import Sequence

from include.sample_logs.writer import write_sample_logs


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sample and print its summary as one JSON object; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.sample_logs", description=__doc__)
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write; .gz compresses")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=30, help="length of the log (default 30)")
    parser.add_argument(
        "--conversations", type=int, default=250, help="of support.desk, about 5 records each"
    )
    parser.add_argument(
        "--start", type=datetime.date.fromisoformat, default=datetime.date(2025, 10, 1), metavar="DATE"
    )
    given = parser.parse_args(arguments)
    if given.days < 1 or given.conversations < 1:
        parser.error("--days and --conversations must be at least 1")
    summary = write_sample_logs(
        given.out, seed=given.seed, days=given.days, conversations=given.conversations, start=given.start
    )
    print(json.dumps(summary.as_dict()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
