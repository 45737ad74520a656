"""Client and visitor plugins: one file each."""
