"""What every request passes on its way in and out: limits, errors, headers, and the schema of the API."""
