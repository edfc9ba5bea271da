"""HTML and files, drawn from results. Nothing here asks a network."""
