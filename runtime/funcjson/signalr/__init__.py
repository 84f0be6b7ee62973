"""A local Azure SignalR Service in serverless mode, usable alone; imports nothing else of funcjson."""
