"""frps: sessions, ports, proxies of the logged-in clients."""
