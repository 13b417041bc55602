"""What the manager needs of the system, one thing a module: spawning, pipes, ends, trees, numbers."""
