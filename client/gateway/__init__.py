"""The REST gateway: HTTP and JSON in front of the service, for callers that do not speak gRPC."""
