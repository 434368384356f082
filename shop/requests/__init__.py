"""What every request and response passes through: limits, errors, headers, and the API's schema."""
