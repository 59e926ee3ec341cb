"""The former name of the tool: see tf1port, equivalence and bench."""
