"""The gate at home in GitHub: annotations, comments, a repository's first files."""
