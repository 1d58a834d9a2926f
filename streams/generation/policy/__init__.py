"""The policy: rules that ask for videos when detections or scores call for them."""
