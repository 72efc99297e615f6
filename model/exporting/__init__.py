"""Export of a trained run as a folder that open_clip loads, with its model card."""
