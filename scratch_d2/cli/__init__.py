"""The commands: each module parses, sets up, and calls the package."""
