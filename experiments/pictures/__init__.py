"""Pictures of results, one a file. They draw what they are given and decide nothing."""
