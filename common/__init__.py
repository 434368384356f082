"""What needs neither Django nor the shop: progress, request ids, and numbers among the arguments of commands."""
