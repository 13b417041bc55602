"""Watching files: which of them count, and the thread that hears of their changes."""
