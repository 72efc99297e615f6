"""Who may see a caption or a picture: its own digest decides, so that no list of exclusions can be forgotten.

A quarter of all possible captions and pictures is held out. Validation and test draw from that quarter alone,
and all that trains (the training split, the language model's lessons, CLIP's pre-training) from the rest. This
keeps them apart for every seed and every size of the world.
"""

from hashlib import blake2b

_PARTS = 4  # one part in four is held out


def is_held_out(content: bytes) -> bool:
    """Whether this content (a caption's UTF-8, a picture's pixels) is for validation and test only."""
    return blake2b(content, digest_size=1).digest()[0] % _PARTS == 0
