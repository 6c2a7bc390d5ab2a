"""Rendered labels that stand in for photographs: Good and Bad, with exact masks."""
