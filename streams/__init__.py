"""What happens to events: agents, and the runtime under them."""
