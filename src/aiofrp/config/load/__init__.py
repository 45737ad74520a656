"""From files to configurations: read, decode, check, and report all problems at once."""
