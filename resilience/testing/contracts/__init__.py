"""What has to hold of a circuit, a store, and a fleet's backend, whoever wrote it."""
