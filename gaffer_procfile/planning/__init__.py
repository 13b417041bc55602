"""From what the files say to a plan: what would run, where, in which order, on which ports."""
