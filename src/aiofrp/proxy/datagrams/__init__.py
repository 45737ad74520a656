"""Datagrams of udp and sudp: sockets, users, and the messages that carry datagrams."""
