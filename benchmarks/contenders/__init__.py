"""The alternatives to xaccel, each as its own documentation has it, one file for each."""
