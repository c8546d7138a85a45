"""Errors of the domain: each says what a person has to mend, so none of them is worth a retry. But two are.

```text
FlywheelError                input or configuration must be mended; a retry would end the same way
├── ConfigError              the configuration file
├── RecordError              a log, or a file that an earlier stage wrote, cannot be read
│   └── LogsRefusedError     the server that keeps the logs refused a request
└── NotEnoughRecordsError    the records are fine, but too few of them are there

LogsUnavailableError         the server that keeps the logs did not answer, or not completely; a retry may help
SearchUnavailableError       the server that examples are searched with did not, or not completely; a retry may help
```
"""


class FlywheelError(Exception):
    """Report something that a person must mend before the run can succeed."""


class ConfigError(FlywheelError):
    """Report every problem of a configuration file at once.

    Attributes:
        source: the file, as it was named.
        problems: one sentence each, `key: problem. remedy`.
    """

    def __init__(self, source: str, problems: list[str]):
        self.source = source
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            f"{source}: {count} in the configuration\n" + "\n".join(f"  - {p}" for p in problems)
        )

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[str, list[str]]]:
        return type(self), (self.source, self.problems)


class RecordError(FlywheelError):
    """Report a log, or a file that an earlier stage wrote, that cannot be read."""


class NotEnoughRecordsError(FlywheelError):
    """Report that too few records are there; the message has the numbers."""


class LogsRefusedError(RecordError):
    """Report that the server that keeps the logs refused a request.

    Attributes:
        status: of the HTTP answer.
        kinds: the server's own words for the reasons, such as `index_not_found_exception`.
    """

    def __init__(self, message: str, status: int = 0, kinds: frozenset[str] = frozenset()):
        super().__init__(message)
        self.status = status
        self.kinds = kinds


class LogsUnavailableError(Exception):
    """Report that the server that keeps the logs did not answer, or not completely: nothing was exported, a retry may help."""


class SearchUnavailableError(Exception):
    """Report that the server that examples are searched with did not answer, or not completely: a retry may help."""
