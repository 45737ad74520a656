"""TLS over any stream."""
