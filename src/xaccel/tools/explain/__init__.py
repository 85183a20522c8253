"""Find out why a download failed, and trace one."""
