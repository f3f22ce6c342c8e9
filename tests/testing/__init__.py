"""The public checks themselves: what is right passes, and each broken rule is named."""
