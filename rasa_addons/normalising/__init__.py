"""What is left of a message to understand: without pasted greetings, signatures and emoji, slips of spelling mended."""
