"""OpenID Connect: clients log in with tokens that an identity provider has signed (docs/protocol/server.md §12)."""
