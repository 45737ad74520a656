"""The HTTP server of the APIs of both programs: credentials, guards, profiling. Knows no route of theirs."""
