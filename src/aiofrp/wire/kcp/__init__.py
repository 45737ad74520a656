"""KCP and its forward error correction, without sockets."""
