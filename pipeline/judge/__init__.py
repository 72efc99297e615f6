"""Cleans and judges answers: the rules, and the word lists they need."""
