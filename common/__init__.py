"""Code that needs neither Django nor the shop: progress, request ids, and argument types of commands."""
