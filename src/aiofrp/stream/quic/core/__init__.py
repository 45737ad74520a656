"""One side of a QUIC connection without sockets: the library, behind its one door, and what it lacks."""
