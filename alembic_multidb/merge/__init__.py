"""Several databases into one: clashes are found before, foreign keys come back, histories stand side by side."""
