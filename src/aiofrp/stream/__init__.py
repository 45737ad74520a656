"""Byte streams and their layers. Configuration and frp messages are not used here."""
