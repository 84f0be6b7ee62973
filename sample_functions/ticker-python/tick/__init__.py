"""Tell everybody the time; the schedule is a setting, so that it can differ between machines."""

import json
from datetime import UTC, datetime

import azure.functions as func


def main(timer: func.TimerRequest) -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps(
        {"target": "newMessage", "arguments": [{"time": now, "late": timer.past_due}]}
    )
