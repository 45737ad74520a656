"""Proxy types: one file each, both halves."""
