"""Byte streams and their layers. Knows no configuration and no frp messages."""
