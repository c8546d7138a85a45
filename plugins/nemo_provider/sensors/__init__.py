"""Sensors: wait for an id, deferrable."""
