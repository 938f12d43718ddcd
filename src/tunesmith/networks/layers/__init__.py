"""Parts that the models of several networks are built of. They need torch: models alone import them."""
