"""Files (附件): kept by their content, checked by their bytes, handed out by permission."""
