"""What networks are made of; imports torch, so import from here where the work is done."""
