"""The demo business database: seven tables of motorway service areas, and its training texts.

`loader.load_demo` fills a database, `training.training_examples` gives what the training store learns.
"""
