"""frps and frpc as parts of another program: servers, clients and exposed services in its own event loop.

No global state, no signal handlers, no log handlers; :mod:`aiofrp` itself leads here.
"""
