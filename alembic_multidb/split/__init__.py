"""One mixed database into its homes: what will be done, decided before anything is touched, and its schemas."""
