"""Links from a task to the remote thing it made."""
