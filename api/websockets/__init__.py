"""What is told over WebSockets."""
