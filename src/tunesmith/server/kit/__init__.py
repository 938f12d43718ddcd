"""What all resources of the server share."""
