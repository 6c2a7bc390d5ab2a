"""Pure functions from plain values to metrics: AP, Good/Bad, pixels, bootstrap intervals."""
