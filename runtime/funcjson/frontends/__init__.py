"""Front ends: function.json folders, Python v2 decorators, Node v4 registrations, all giving the same document."""
