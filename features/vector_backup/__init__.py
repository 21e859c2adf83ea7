"""Backs the vector tables up into files, lists the backups there are, and puts one back."""
