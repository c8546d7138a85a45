"""How a window of a workload differs from those before it, with the statistics kept per window."""
