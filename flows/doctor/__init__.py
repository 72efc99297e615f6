"""Examines this machine and its software for `entityclip doctor`: facts, what they allow, and how to mend them."""
