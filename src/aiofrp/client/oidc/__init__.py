"""OpenID Connect: the tokens that frpc logs in with (docs/protocol/client.md §1.2)."""
