"""The ports that several proxies share by domain."""
