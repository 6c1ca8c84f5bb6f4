"""A finding with what is behind it, as a page in a notebook and as text in a terminal."""
