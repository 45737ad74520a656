"""QUIC packets as bytes: headers, tokens for address validation, protection."""
