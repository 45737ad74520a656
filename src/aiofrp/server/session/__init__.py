"""One logged-in client: from the accepted connection to its control session and work connections."""
