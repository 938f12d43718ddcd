"""What runs inside a job's process. Nothing here knows the server or where it runs."""
