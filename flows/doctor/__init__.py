"""Examines this machine and its software for `entityclip doctor`, and suggests how to fix problems."""
