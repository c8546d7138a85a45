"""The flywheel's own tasks: a domain function each, handed its paths and config, between the provider's operators."""
