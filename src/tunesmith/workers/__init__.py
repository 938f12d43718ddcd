"""Starts worker processes on a machine and watches them: on the server's own, or on a node of a cluster."""
