"""Personal data: found, counted, and replaced by placeholders before anything is uploaded."""

from include.flywheel.privacy.settings import PrivacyConfig, PrivacySummary

#: Raised when the detection changes: other placeholders, other datasets.
PATTERNS_VERSION = 1

__all__ = ["PATTERNS_VERSION", "PrivacyConfig", "PrivacySummary"]
