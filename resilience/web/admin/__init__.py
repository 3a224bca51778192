"""What operators see and do: a page and its API, without any framework."""
