"""A label before anything happens to it: code, face, layout, ink, paper, what lies around it."""
