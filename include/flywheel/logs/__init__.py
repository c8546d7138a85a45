"""Where records come from: one protocol, a time window, a stream."""
