"""What an event is: schemas, topics, the registry, the wire format, columnar frames."""
