"""Measurements that anyone can repeat: `make bench-<name>` prints a table and ends with one line of JSON."""
