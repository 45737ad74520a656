"""What a proxy or plugin may know of the program it runs in."""
