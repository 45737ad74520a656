"""Transports: how frpc reaches frps, one file each."""
