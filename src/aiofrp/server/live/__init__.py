"""What frps keeps for who watches it: its history, what was disabled, and who did what."""
