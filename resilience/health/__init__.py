"""How the components of an app are: checks, scores, history."""
