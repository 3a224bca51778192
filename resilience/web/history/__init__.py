"""History as pages: incidents, their timelines, and charts."""
