"""What the gateway offers a client when keys are exchanged, and the answer to a client that gets no exchange."""

from __future__ import annotations

from aiofrp.server.ssh.protocol.fields import string, uint32

#: Key exchanges, ciphers and checksums that are offered, those of them that asyncssh has on this machine.
KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "diffie-hellman-group14-sha256",
)
FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CIPHERS = ("chacha20-poly1305@openssh.com", *FAST_CIPHERS, "aes128-ctr", "aes256-ctr")
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
)
#: What the client sees as our software.
VERSION = "aiofrp"


#: The reason code of too many connections (RFC 4253 §11.1).
_TOO_MANY = 12


def refusal(reason: str) -> bytes:
    """Our version and a message that ends the connection: all that a client gets that is refused at once."""
    message = b"\1" + uint32(_TOO_MANY) + string(reason) + string("")
    padding = -(5 + len(message)) % 8 + 8
    packet = uint32(1 + len(message) + padding) + bytes((padding,)) + message + bytes(padding)
    return f"SSH-2.0-{VERSION}\r\n".encode() + packet
