"""The flags of frps and frpc: what they are, how a line is read, and the configurations made of them."""
