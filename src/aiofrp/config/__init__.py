"""Configuration: models, formats, validation."""
