"""Turns a pair into what the LLM is sent: probes the chat template, and reads the text of data as text."""
