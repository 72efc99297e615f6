"""`entityclip serve`: a small site on this machine to page through explanations and to try both arms' retrieval."""
