"""A shared history: the same revisions run on several databases, each taking only the operations on what is its own."""
