"""The commands of ``frpc`` that talk to a running frpc: ``reload``, ``status`` and ``stop``."""
