"""What frps tells of itself: the HTTP APIs, metrics, statistics."""
