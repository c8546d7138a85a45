"""The flywheel's rules, from production logs to a recommendation: values and files, no network."""
