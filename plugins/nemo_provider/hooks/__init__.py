"""Calls: one method, one request."""
