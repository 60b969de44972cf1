"""Labels that do not come from a network: drawn by hand, or by a threshold."""
