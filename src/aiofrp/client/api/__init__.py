"""The admin API of frpc."""
