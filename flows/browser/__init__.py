"""`entityclip serve`: a local web site for browsing explanations and trying the retrieval of trained models."""
