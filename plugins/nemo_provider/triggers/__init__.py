"""Triggers: the waiting itself, without a worker."""
