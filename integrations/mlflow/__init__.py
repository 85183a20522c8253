"""MLflow's server with its login, whose artifacts are in a bucket."""
