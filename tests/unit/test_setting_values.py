"""Values of settings that count for nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.setting_values import count_problems, disabled_problems
from funcjson.settings import Settings, load_settings


def settings(root: Path, **values: str) -> Settings:
    document = {"IsEncrypted": False, "Values": values}
    (root / "local.settings.json").write_text(json.dumps(document, indent=1), "utf-8")
    return load_settings(root, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("FUNCTIONS_WORKER_PROCESS_COUNT", "0"),
        ("FUNCTIONS_WORKER_PROCESS_COUNT", "11"),
        ("FUNCTIONS_WORKER_PROCESS_COUNT", "two"),
        ("PYTHON_THREADPOOL_THREAD_COUNT", "abc"),
        ("PYTHON_THREADPOOL_THREAD_COUNT", "0"),
    ],
)
def test_a_count_that_cannot_be_is_told_with_its_place(
    tmp_path: Path, name: str, text: str
) -> None:
    (problem,) = count_problems(settings(tmp_path, **{name: text}))

    assert (problem.code, problem.what) == ("FJ0178", f"{name} is '{text}'")
    assert str(problem.where).startswith("local.settings.json:4:")


@pytest.mark.parametrize("count", ["1", " 4 ", "10"])
def test_a_count_that_can_be_is_not_told(tmp_path: Path, count: str) -> None:
    own = settings(
        tmp_path, FUNCTIONS_WORKER_PROCESS_COUNT=count, PYTHON_THREADPOOL_THREAD_COUNT=count
    )

    assert list(count_problems(own)) == []


def test_no_count_is_not_told(tmp_path: Path) -> None:
    assert list(count_problems(settings(tmp_path, PYTHON_THREADPOOL_THREAD_COUNT="1000"))) == []
    assert list(count_problems(settings(tmp_path, FUNCTIONS_WORKER_PROCESS_COUNT=""))) == []


def test_a_function_that_is_not_there_cannot_be_disabled(tmp_path: Path) -> None:
    own = settings(
        tmp_path, **{"AzureWebJobs.negotiat.Disabled": "true", "AzureWebJobsStorage": ""}
    )

    (problem,) = disabled_problems(own, ["negotiate"])

    assert problem.what == "'AzureWebJobs.negotiat.Disabled' disables nothing"
    assert "no function 'negotiat'" in problem.why
    assert "AzureWebJobs.negotiate.Disabled" in problem.fix


@pytest.mark.parametrize("text", ["yes", "on", "disabled", "2"])
def test_a_value_that_disables_nothing_is_told(tmp_path: Path, text: str) -> None:
    (problem,) = disabled_problems(settings(tmp_path, AzureWebJobs_f_Disabled=text), ["F"])

    assert f"'{text}'" in problem.why
    assert "true" in problem.fix


@pytest.mark.parametrize("text", ["true", "True", "1", "false", "0", ""])
def test_a_function_that_is_there_may_be_disabled_or_not(tmp_path: Path, text: str) -> None:
    own = settings(tmp_path, **{"azurewebjobs.F.disabled": text})

    assert list(disabled_problems(own, ["f"])) == []
