"""The commands of `funcjson signalr`: each module is one."""
