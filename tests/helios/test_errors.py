import inspect

import pytest

from helios import errors
from helios.errors import (
    EXIT_FAILED,
    EXIT_REFUSED,
    BrowserCrashed,
    HeliosError,
    JobSpecInvalid,
    Report,
    parse_report,
    report,
)

CLASSES = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, HeliosError)
]
#: What the errors are sorted into; none of them is raised itself.
FAMILIES = {
    errors.SpecError,
    errors.CompositionError,
    errors.RenderError,
    errors.WorkerError,
    errors.StorageError,
    errors.JobError,
    errors.ConfigurationError,
}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in CLASSES if error not in FAMILIES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", [e for e in CLASSES if e not in {HeliosError, *FAMILIES}])
def test_every_error_belongs_to_one_family(error: type[HeliosError]) -> None:
    assert len([family for family in FAMILIES if issubclass(error, family)]) == 1


@pytest.mark.parametrize("error", CLASSES)
def test_a_report_is_read_back_on_the_other_side(error: type[HeliosError]) -> None:
    text = "some log\n" + report(error("it is bad", hint="Do this.", details=["one", "two"]))
    assert parse_report(text + "\n") == Report(
        error.code, "it is bad", error.retryable, ("one", "two"), "Do this.", "some log\n"
    )


def test_an_error_may_differ_from_others_of_its_kind_in_whether_to_try_again() -> None:
    error = BrowserCrashed("gone", retryable=False)
    assert error.exit_code == EXIT_REFUSED
    assert parse_report(report(error)) == Report("BROWSER_CRASHED", "gone", retryable=False)
    assert BrowserCrashed("gone").retryable


def test_the_last_report_counts() -> None:
    text = report(BrowserCrashed("first")) + "\nlog\n" + report(JobSpecInvalid("second")) + "\n"
    found = parse_report(text)
    assert found is not None
    assert (found.code, found.message, found.retryable) == ("JOB_SPEC_INVALID", "second", False)


def test_output_without_report_has_none() -> None:
    assert parse_report("error: something\nerror[lower]: x\n") is None


def test_the_exit_code_says_whether_another_try_makes_sense() -> None:
    assert BrowserCrashed("gone").exit_code == EXIT_FAILED
    assert JobSpecInvalid("bad").exit_code == EXIT_REFUSED


def test_an_error_reads_as_what_was_wrong_then_details_then_what_to_do() -> None:
    error = JobSpecInvalid("2 faults", hint="Fix them.", details=["$.a: x", "$.b: y"])
    assert str(error).splitlines() == ["2 faults", "  - $.a: x", "  - $.b: y", "Fix them."]
