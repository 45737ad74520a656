"""TLS contexts of both programs."""
