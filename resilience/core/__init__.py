"""What every guard is made of: layers, shells, windows, and what an error means."""
