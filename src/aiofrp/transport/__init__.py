"""Transports: how frpc and frps reach each other, one file each."""
