"""What the two commands are made of: the virtual environment, and starting and supervising the program."""
