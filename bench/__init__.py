"""How fast and how small: gaffer beside its peers, in one table. Run `python -m bench`."""
