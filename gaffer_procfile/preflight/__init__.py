"""Before the start: who listens on this machine, and which ports of a plan are taken."""
