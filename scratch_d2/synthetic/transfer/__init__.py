"""Scratches painted onto photographs of undamaged labels."""
