"""The SSH tunnel gateway of frps: ``ssh -R`` instead of frpc (docs/protocol/server.md §15)."""
