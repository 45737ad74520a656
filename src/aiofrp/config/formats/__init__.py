"""Texts of configuration files, TOML, JSON or YAML, as trees of plain values. No field of frp is named here."""
