"""What stands around every route; api/app.py has the order and its reasons."""
