"""The report of a comparison: its sections, its figures, as HTML and as Markdown."""
