"""What a run keeps in its bucket: claim, inputs, staged files, results."""
