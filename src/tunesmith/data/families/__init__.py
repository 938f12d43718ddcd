"""The layouts of each family of datasets, as data: the server imports them, so they import nothing heavy."""
