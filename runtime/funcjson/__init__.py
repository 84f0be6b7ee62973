"""funcjson: an interpreter for function.json with a local SignalR service."""
