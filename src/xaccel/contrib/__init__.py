"""Private files in applications of others: each module is for one application, and nothing else imports it."""
