"""frpc: login, proxies, visitors."""
