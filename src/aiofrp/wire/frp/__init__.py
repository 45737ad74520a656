"""frp's messages and their framing, both versions of the wire protocol."""
