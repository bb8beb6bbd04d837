"""Prints the interface definitions that BuildStream's package carries, as a FileDescriptorSet on stdout."""

import importlib
import sys

from google.protobuf import descriptor_pb2

MODULES = [
    "google.bytestream.bytestream_pb2",
    "google.rpc.status_pb2",
    "build.bazel.semver.semver_pb2",
    "build.bazel.remote.asset.v1.remote_asset_pb2",
    "build.bazel.remote.execution.v2.remote_execution_pb2",
    "buildstream.v2.buildstream_pb2",
]

files = descriptor_pb2.FileDescriptorSet()
for name in MODULES:
    module = importlib.import_module("buildstream._protos." + name)
    module.DESCRIPTOR.CopyToProto(files.file.add())
sys.stdout.buffer.write(files.SerializeToString())
