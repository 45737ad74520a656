"""The commands frps, frpc and aiofrp."""
