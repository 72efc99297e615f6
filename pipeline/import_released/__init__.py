"""Explanations that somebody else made, as rows like ours."""
