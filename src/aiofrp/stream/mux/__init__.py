"""yamux over any stream."""
