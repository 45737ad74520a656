"""What frps publishes about itself: the HTTP APIs, metrics, statistics."""
