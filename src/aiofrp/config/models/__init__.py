"""The models of frp's configuration and the types of their fields. Nothing here reads files."""
