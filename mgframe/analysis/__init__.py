"""Questions to frames of counts: pure functions on frames, whose answers are plain tables."""
