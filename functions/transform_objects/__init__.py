"""Transform uploaded JSON, JSON Lines and CSV files into records with their source."""
