"""The commands behind `make`: install, run, up. They start the embedded platform and a real Airflow on loopback."""
