"""QUIC connections and their streams."""
