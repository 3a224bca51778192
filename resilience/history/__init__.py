"""What the journal tells: incidents, reports of them, and what other settings would have done."""
