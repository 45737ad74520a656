"""One HTTP engine for both programs: users in HTTP/1 or HTTP/2 before, connections to services behind."""
