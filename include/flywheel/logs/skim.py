"""Whose record a line is, told from its first or last bytes: parsing 35 KB for that takes a hundred times as long."""

import re

# The keys beside the workload id that are no objects, so that nothing in between can be nested; and no escapes, so that
# every text is what it says.
_ID = rb'"workload_id"\s*:\s*"([^"\\]*)"'
_OTHER = rb'"(?:timestamp|client_id)"\s*:\s*(?:"[^"\\]*"|[-+.0-9eE]+)'
_AT_THE_FRONT = re.compile(rb"\{\s*(?:" + _OTHER + rb"\s*,\s*)*" + _ID + rb"\s*[,}]")
_AT_THE_END = re.compile(rb",\s*" + _ID + rb"\s*(?:,\s*" + _OTHER + rb"\s*)*\}\Z")

#: How far from the end of a line the id is looked for.
_END_BYTES = 400


def workload_shown(line: bytes) -> bytes | None:
    """Return the workload id of a record (in UTF-8) where its line shows it at once; None does not mean that it has none.

    Keys may come in any order, as long as the id is not between request and response. A line that was cut off shows
    nothing: it is to be counted as unreadable.
    """
    if not line.endswith(b"}"):
        return None
    shown = _AT_THE_FRONT.match(line) or _AT_THE_END.search(line[-_END_BYTES:])
    return shown[1] if shown else None
