"""Punching a hole through two NATs: what is sent when, and the sockets that do it."""
