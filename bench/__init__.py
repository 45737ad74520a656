"""The benchmark: the same traffic through several pairs of (frps, frpc) in one run."""
