"""What a scan found, as a document: JSON, text for a terminal, Markdown, SARIF."""
