"""`funcjson explain`: what an expression, a request, a token, an event or a message would meet, and why."""
