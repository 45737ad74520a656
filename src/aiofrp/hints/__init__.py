"""Why something failed and what to do next: one catalogue for programs, commands, the library and the APIs."""
