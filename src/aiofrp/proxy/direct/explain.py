"""Why a hole could not be punched, in the words of users: what NATs met, what was tried, and what may help."""

from __future__ import annotations

from collections.abc import Sequence

from aiofrp.nat.classify import HARD, Nat


def explain(error: Exception, own: Nat, peer: Nat | None, modes: Sequence[int]) -> str:
    """The text about a failed attempt between the NATs ``own`` and ``peer``; ``modes``: those tried without success."""
    tried = ", ".join(map(str, modes))
    return (
        f"wait detect message error: {error}. This side: {_shown(own)}; the peer: {_shown(peer)}; "
        f"tried without success: mode {tried}. {_advice(own, peer)}"
    )


def _shown(nat: Nat | None) -> str:
    if nat is None:
        return "unknown"
    if nat.public:
        return "no NAT"
    regular = ", its ports can be guessed" if nat.regular else ""
    return f"{nat.type} ({nat.behavior}{regular})"


def _advice(own: Nat, peer: Nat | None) -> str:
    fallback = "set fallbackTo of the visitor to an stcp visitor of the same service"
    hard = [nat for nat in (own, peer) if nat is not None and nat.type == HARD and not nat.public]
    if len(hard) == 2 and not any(nat.regular for nat in hard):
        return (
            "Both NATs give every destination another port that cannot be guessed, and such two rarely let a hole "
            f"through: {fallback}, or forward a UDP port on one side"
        )
    if hard:
        return (
            "The next attempt tries another mode. If all fail, a firewall may limit UDP to high ports: allow it, or "
            + fallback
        )
    return (
        "Such NATs normally let a hole through, so a firewall may drop UDP between both, or both may be behind one NAT "
        f"that does not lead back: allow UDP from and to all ports, use another natHoleStunServer, or {fallback}"
    )
