"""HTTP streams: a countdown that arrives number by number, an upload that is counted while it arrives."""

import asyncio
import logging

import azure.functions as func
from azurefunctions.extensions.http.fastapi import (
    HTMLResponse,
    JSONResponse,
    Request,
    StreamingResponse,
)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Countdown</title>
<h1 id="number">?</h1>
<script>
  const events = new EventSource('countdown/10');
  const show = ({ data }) => { document.getElementById('number').textContent = data };
  events.onmessage = show;
  events.addEventListener('done', (event) => { events.close(); show(event) });
</script>
"""


async def numbers(start: int):
    """A Server-Sent Event each second; a caller who leaves ends it where it waits."""
    number = start
    try:
        while number > 0:
            yield f"data: {number}\n\n"
            await asyncio.sleep(1)
            number -= 1
        yield "event: done\ndata: Liftoff\n\n"
    finally:
        logging.info("The countdown ended at %s", number)


@app.route(route="countdown/{start:int}", methods=["GET"])
async def countdown(req: Request) -> StreamingResponse:
    start = int(req.path_params["start"])
    return StreamingResponse(numbers(start), media_type="text/event-stream")


@app.route(route="lines", methods=["POST"])
async def lines(req: Request) -> JSONResponse:
    """A body of any size: one piece of it is in memory at a time."""
    count = 0
    async for piece in req.stream():
        count += piece.count(b"\n")
    return JSONResponse({"lines": count})


@app.route(route="index", methods=["GET"])
def index(req: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)
