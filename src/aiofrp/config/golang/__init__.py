"""What configuration files inherit from Go: its literals, its YAML scalars and its templates.

These modules know no frp and import nothing of the project but its errors.
"""
