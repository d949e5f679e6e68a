"""Other tools' files, read as samples."""
