"""What frpc knows when something failed, for the catalogue of hints."""
