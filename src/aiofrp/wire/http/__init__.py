"""HTTP heads, fields, bodies and frames as values, without sockets.

No frp message, configuration or route table is used here.
"""
