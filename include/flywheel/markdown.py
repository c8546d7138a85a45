"""Text from outside in Markdown."""


def plain(text: str) -> str:
    """Return a text that came from outside as one line without Markdown or HTML of its own."""
    line = " ".join(text.split())
    for special in ("\\", "`", "|", "*", "[", "]", "#"):
        line = line.replace(special, f"\\{special}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
