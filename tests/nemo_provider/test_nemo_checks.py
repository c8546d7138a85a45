"""Checks and what they find, with no platform: order, dependence, time, errors."""

import threading
import time

import pytest

from nemo_provider.checks import Check, CheckError, Finding, NotTold, Status, run_checks
from nemo_provider.errors import NemoConfigurationError, NemoUnavailableError, api_error


def check(service: str, outcome: object = "fine", *needs: str) -> Check:
    def ask() -> str:
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    return Check(service, "is there", ask, needs)


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.service: str(finding.status) for finding in findings}


def test_what_depends_on_a_failed_check_is_skipped_and_says_so_and_the_rest_goes_on() -> None:
    findings = run_checks(
        [
            check("c", "fine", "b, is there"),
            check("a", CheckError("it is down", "start it")),
            check("b", "fine", "a, is there"),
            check("d"),
            check("e", "fine", "never asked, is there"),
        ]
    )
    assert [finding.service for finding in findings] == ["c", "a", "b", "d", "e"]
    assert statuses(findings) == {"c": "skipped", "a": "problem", "b": "skipped", "d": "ok", "e": "ok"}
    assert findings[0].detail == "needs: b, is there"
    assert (findings[1].detail, findings[1].remedy) == ("it is down", "start it")


@pytest.mark.parametrize(
    ("error", "detail", "remedy", "may_pass"),
    [
        (
            api_error(403, "no", "GET /x", "Use another"),
            "GET /x was answered with 403: no",
            "Use another",
            False,
        ),
        (api_error(500, "oh", "GET /x"), "GET /x was answered with 500: oh", "log of the service", True),
        (NemoUnavailableError("No answer"), "No answer", "starting, or busy", True),
        (NemoUnavailableError("No TLS", remedy="Trust it", may_pass=False), "No TLS", "Trust it", False),
        (NemoConfigurationError("x has two ports: give one"), "x has two ports", "Give one", False),
        (NemoConfigurationError("x has no host"), "x has no host", "Mend it", False),
    ],
)
def test_an_error_of_the_provider_is_a_problem_with_a_remedy(
    error: Exception, detail: str, remedy: str, may_pass: bool
) -> None:
    [finding] = run_checks([check("a", error)])
    assert finding.status is Status.PROBLEM
    assert finding.detail == detail
    assert remedy in finding.remedy
    assert finding.may_pass is may_pass


def test_what_cannot_be_told_is_skipped_with_the_reason() -> None:
    [finding] = run_checks([check("a", NotTold("nobody says", "ask them"))])
    assert (finding.status, finding.detail, finding.remedy) == (Status.SKIPPED, "nobody says", "ask them")


def test_a_check_that_hangs_is_given_up_and_others_do_not_wait_for_it() -> None:
    never = threading.Event()
    hanging = Check("a", "hangs", lambda: str(never.wait(60)))
    begun = time.monotonic()
    hung, other = run_checks([hanging, check("b")], limit=0.2)
    never.set()
    assert time.monotonic() - begun < 5
    assert (hung.status, hung.may_pass) == (Status.PROBLEM, True)
    assert hung.detail.startswith("no answer within")
    assert other.status is Status.OK


def test_an_error_of_ours_is_not_taken_for_a_problem_outside() -> None:
    with pytest.raises(ZeroDivisionError):
        run_checks([check("a", ZeroDivisionError())])


def test_checks_that_need_each_other_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="need each other: a, is there, b, is there"):
        run_checks([check("a", "x", "b, is there"), check("b", "x", "a, is there")])


def test_secrets_are_struck_out_of_details_and_remedies() -> None:
    found = run_checks(
        [check("a", "said s3cret!"), check("b", CheckError("s3cret!", "not s3cret!"))], secrets={"s3cret!"}
    )
    assert "s3cret!" not in str(found)
    assert found[0].as_json() == {
        "service": "a",
        "check": "is there",
        "status": "ok",
        "detail": "said ***",
        "remedy": "",
    }
