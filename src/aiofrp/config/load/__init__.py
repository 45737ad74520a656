"""From files to configurations: read, decode, check and say all that is wrong."""
