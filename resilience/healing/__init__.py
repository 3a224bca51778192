"""Recovery: what failed, what is done about it, and whether it helped."""
