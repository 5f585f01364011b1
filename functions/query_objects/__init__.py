"""Run a SQL query over each file as it lands, and write the result as Parquet, CSV or JSON."""
