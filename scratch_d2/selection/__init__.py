"""Which photographs to label next: those whose labels would teach the models most."""
