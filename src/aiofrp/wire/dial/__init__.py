"""What is said on the way to a server: SOCKS 5, HTTP CONNECT, the websocket upgrade."""
