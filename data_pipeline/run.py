"""`python -m data_pipeline.run ...`: the command under its historical package; `scripts.data_pipeline` does the work.

Only started as a program: wiring stands above this package, so nothing of it is imported here.
"""

import runpy

if __name__ == "__main__":
    runpy.run_module("scripts.data_pipeline", run_name="__main__", alter_sys=True)
