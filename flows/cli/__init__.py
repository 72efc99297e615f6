"""The commands of `entityclip`: arguments, options, and their calls to flows, `pipeline` and `model`."""
