"""The description of the service for grpcurl, for where the service does not tell it by reflection.

It is made of what reflection tells, the descriptors in the stubs: what protoc writes differs in the names of fields.
"""

from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2

from aitrader.v1 import errors_pb2, simulation_pb2

PROTOSET = Path(__file__).with_name("aitrader.protoset")


def protoset() -> bytes:
    """Return the contract, what it imports and the details of errors, as an encoded FileDescriptorSet."""
    files: dict[str, FileDescriptor] = {}
    for root in (simulation_pb2, errors_pb2, error_details_pb2):
        _collect(root.DESCRIPTOR, files)
    described = FileDescriptorSet()
    for file in files.values():
        described.file.add().ParseFromString(file.serialized_pb)
    return described.SerializeToString(deterministic=True)


def _collect(file: FileDescriptor, files: dict[str, FileDescriptor]) -> None:
    """Put a file behind those that it imports."""
    for imported in file.dependencies:
        _collect(imported, files)
    files.setdefault(file.name, file)


if __name__ == "__main__":
    PROTOSET.write_bytes(protoset())
