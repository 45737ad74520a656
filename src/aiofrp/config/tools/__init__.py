"""What can be done with a configuration besides running it: schema, conversion, display, reference, comparison."""
