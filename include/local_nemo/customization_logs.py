"""Container logs of a customization job, told from its status."""

from datetime import UTC, datetime

from include.local_nemo.wire import Document


def container_logs(job: Document) -> Document:
    """Return the body of `container-logs`: one container, its events and the lines it would have printed."""
    details = job["status_details"]
    events = [
        {
            "count": "1",  # a string on the wire
            "first_seen": _epoch(entry["updated_at"]),
            "last_seen": _epoch(entry["updated_at"]),
            "message": entry.get("detail") or entry["message"],
            "reason": entry["message"],
            "type": "Warning" if entry.get("detail") else "Normal",
        }
        for entry in details["status_logs"]
    ]
    points = [
        (point["step"], f"{point['timestamp']} step {point['step']} {name} {point['value']:.4f}")
        for name, series in details["metrics"]["metrics"].items()
        for point in series
    ]
    pod = f"{job['id'].lower()}-training-job-0"
    training = {
        "object": f"pod/{pod}",
        "events": events,
        "logs": {pod: "".join(f"{line}\n" for _, line in sorted(points))},
        "status": {"phase": job["status"]},
    }
    return {"entries": {"training": training}}


def _epoch(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())
