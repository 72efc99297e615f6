"""Commands that build the two small models shipped with the project."""

from entityclip.contract.torchvision_cpu import make_torchvision_importable

make_torchvision_importable()  # before any module here imports transformers
