"""What happened is kept: the journal, and the databases it is written to."""
