"""Where the configuration of a frpc comes from: its file, and the store."""
