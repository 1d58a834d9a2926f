"""The built-in renderer: moving pictures from a prompt and a seed, drawn by numpy alone."""
