"""What clients publish: proxies, the ports they hold, the doors that visitors enter."""
