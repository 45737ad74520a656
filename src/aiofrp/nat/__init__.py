"""Direct connections between two hosts behind NATs: what a NAT does, which tries have a chance, and the tries."""
