"""What clients talk to. A folder per resource; nothing here loads torch."""
