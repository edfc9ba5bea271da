"""What draws and measures the page: scenes, screenshots, a stopwatch."""
