"""What runs on the nodes of a cluster, beside the workers there. It shares no disk with a server."""
