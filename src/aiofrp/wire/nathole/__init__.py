"""What passes over UDP while a hole is punched: STUN, the datagrams that carry a session id, and addresses as text."""
