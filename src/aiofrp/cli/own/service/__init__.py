"""``aiofrp service``: frps or frpc as a service of this machine."""
