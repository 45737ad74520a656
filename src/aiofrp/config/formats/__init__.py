"""Texts of configuration files, TOML, JSON or YAML, as trees of plain values. Nothing here knows a field of frp."""
