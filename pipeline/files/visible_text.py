"""Escapes untrusted text for display in a terminal; `model` does the same, so the code is shared."""

from entityclip.contract.visible_text import visible as visible, visible_lines as visible_lines
