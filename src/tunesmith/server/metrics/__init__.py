"""What an operator's monitoring reads: requests, jobs, slots and datasets, in the form of Prometheus."""
