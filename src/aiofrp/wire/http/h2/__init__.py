"""The pieces of HTTP/2: frames, header blocks, fields, and what a peer may make us answer."""
