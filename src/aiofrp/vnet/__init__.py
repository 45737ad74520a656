"""The virtual network of frpc: a TUN device whose packets go over connections (docs/protocol/nat.md §8)."""
