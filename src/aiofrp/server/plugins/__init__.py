"""Server plugins: HTTP services that frps asks what clients and users may do."""
