"""The connection protocol of SSH (RFC 4254): what follows a login. Nothing here knows a key, a cipher or frp."""
