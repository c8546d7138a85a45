"""Operators: submit one remote thing, return its id."""
