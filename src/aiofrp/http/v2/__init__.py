"""HTTP/2: connections and their streams, users that speak it, and calls that go on in it to the service."""
