"""What an answer of the LLM is worth: cleaning, statuses, the words that decide."""
