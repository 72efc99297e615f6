"""The two small models that ship with the project, and the commands which build them again."""

from entityclip.contract.torchvision_cpu import make_torchvision_importable

make_torchvision_importable()  # before any module here imports transformers
