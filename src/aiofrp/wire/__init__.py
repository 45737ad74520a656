"""Wire formats: bytes in, values out. Knows no sockets, loop, clock, configuration or logs."""
