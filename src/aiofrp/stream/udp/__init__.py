"""UDP sockets that call whoever reads them, what listeners over them have in common, and losses counted."""
