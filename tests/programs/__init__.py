"""Scripts that tests start as processes of their own; Python puts their folder on its path."""
