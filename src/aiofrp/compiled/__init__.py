"""Modules that are compiled in some wheels: how their classes are marked, and what is known where they are."""
