"""The halves of xtcp: what frps, the client of a proxy and its visitors do about a direct connection."""
