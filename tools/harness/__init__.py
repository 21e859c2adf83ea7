"""What benchmarks, rehearsals and tests start the service with and against: processes and a scripted model server."""
