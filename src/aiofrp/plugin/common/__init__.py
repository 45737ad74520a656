"""What several plugins have in common."""
