"""HTTP heads and bodies as values. Knows no frp message, no configuration and no route table."""
