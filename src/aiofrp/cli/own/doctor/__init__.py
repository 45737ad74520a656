"""``aiofrp doctor``: checks of everything that a configuration needs, one line each."""
