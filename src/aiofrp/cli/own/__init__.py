"""The commands of ``aiofrp``, which frp does not have."""
