"""GitHub: annotations, comments, and the first files of a repository."""
