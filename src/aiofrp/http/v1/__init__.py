"""A user that speaks HTTP/1: its connection, its requests, and responses as it gets them."""
