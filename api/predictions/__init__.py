"""From a request to a forecast, an event and an answer."""
