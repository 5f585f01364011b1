"""Turn uploaded JSON, JSON Lines and CSV into records that say where they come from."""
