"""KCP over UDP as streams."""
