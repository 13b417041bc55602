"""From chunks of bytes to lines on the terminal."""
