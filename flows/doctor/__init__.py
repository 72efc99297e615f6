"""Examines this machine and its software for `entityclip doctor`: what was found, what that allows, and how to fix it."""
