"""Reversible changes of the bytes of one connection: encryption and compression."""
