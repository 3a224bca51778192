"""A small real HTTP service that is told over HTTP to answer, fail, hang, drip or drop."""
