"""The flywheel's rules, from production logs to a recommendation: values and files, no network."""

#: Of the code that makes datasets and reports; stands in their manifests.
__version__ = "0.1.0"
