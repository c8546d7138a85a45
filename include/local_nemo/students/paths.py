"""Arguments objects taken apart into values by path, and put together again."""

from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""Keys from the arguments object down to a value; `EACH` stands for every element of a list."""

EACH = "[]"


def flatten(arguments: dict[str, Any]) -> dict[Path, list[Any]]:
    """List the values of an arguments object by slot path, in the order written.

    A plain value is a list of one. Elements of one list that lack a field have `...` in its place.
    Lists inside lists, and empty lists and objects, count as one value.
    """
    found: dict[Path, list[Any]] = {}

    def walk(node: Any, path: Path, place: int | None) -> None:
        if isinstance(node, dict) and node:
            for key, child in node.items():
                walk(child, (*path, str(key)), place)
        elif isinstance(node, list) and node and place is None:
            for number, child in enumerate(node):
                walk(child, (*path, EACH), number)
        else:
            values = found.setdefault(path, [])
            values.extend([...] * ((place or 0) - len(values)))
            values.append(node)

    for key, value in arguments.items():
        walk(value, (str(key),), None)
    return found


def unflatten(values: dict[Path, list[Any]]) -> dict[str, Any]:
    """Build the arguments object from values by slot path; the inverse of `flatten`."""
    root: dict[str, Any] = {}
    for path, found in values.items():
        if EACH not in path:
            if found and found[0] is not ...:
                _put(root, path, found[0])
            continue
        cut = path.index(EACH)
        elements = _list_at(root, path[:cut])
        for number, value in enumerate(found):
            while len(elements) <= number:
                elements.append({} if path[cut + 1 :] else None)
            if value is ...:
                continue
            if path[cut + 1 :] and isinstance(elements[number], dict):
                _put(elements[number], path[cut + 1 :], value)
            else:
                elements[number] = value
    return root


def _put(node: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            return
        node = child
    node[path[-1]] = value


def _list_at(node: dict[str, Any], path: Path) -> list[Any]:
    holder: dict[str, Any] = node
    for key in path[:-1]:
        child = holder.setdefault(key, {})
        if not isinstance(child, dict):
            return []
        holder = child
    found = holder.setdefault(path[-1], [])
    return found if isinstance(found, list) else []
