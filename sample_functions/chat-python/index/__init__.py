"""The chat page."""

from pathlib import Path

import azure.functions as func


def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    page = Path(context.function_directory, "index.html").read_text(encoding="utf-8")
    return func.HttpResponse(page, mimetype="text/html")
