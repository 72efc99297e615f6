"""The commands of `entityclip`: their arguments, options, and calls to flows, `pipeline` and `model`."""
