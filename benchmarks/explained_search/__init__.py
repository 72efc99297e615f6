"""Compares training methods by retrieval with captions alone and with explanations, on heraldry worlds."""
