"""Binding types: one file each, described by TriggerType, InputType and OutputType of `base`."""
