"""What happened with the files, counted: for the people who look after them."""
