"""A server on loopback that speaks YouTube's Data API, over made-up or recorded channels."""
