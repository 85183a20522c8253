"""What people would use: each contender as its own documentation has it, one file for each."""
