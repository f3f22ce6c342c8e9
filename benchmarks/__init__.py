"""Measurements of filebody and its peers: in one run, in turns, as ratios with their spread."""
