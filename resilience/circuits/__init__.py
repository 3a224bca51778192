"""Circuits: their settings, states, decisions, and registry."""
