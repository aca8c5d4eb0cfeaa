"""A gRPC server as Python's own library makes it: reflection, health, and every method of the given .proto files.

usage: server.py PORT PROTO...      Each PROTO is looked up in its own folder. Prints `ready` and serves until it is ended.

A unary method answers with what it was sent where the types allow, else with an empty message; a stream from the server has
three of those, one from the client is answered at its end, and one in both directions is echoed. It speaks plaintext.
"""

import concurrent.futures
import os
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_tools import protoc

WELL_KNOWN = os.path.join(os.path.dirname(protoc.__file__), "_proto")


def load(files):
    """The services of these files, by name, in a pool of their own."""
    files = [os.path.abspath(file) for file in files]
    with tempfile.TemporaryDirectory() as folder:
        compiled = os.path.join(folder, "all.protoset")
        paths = sorted({os.path.dirname(file) for file in files})
        command = ["protoc", f"--descriptor_set_out={compiled}", "--include_imports"]
        command += [f"--proto_path={path}" for path in [*paths, WELL_KNOWN]]
        if protoc.main([*command, *files]):
            sys.exit("the proto files cannot be compiled")
        with open(compiled, "rb") as file:
            described = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    services = []
    for file in described.file:
        pool.Add(file)
        names = [service.name for service in file.service]
        services += [f"{file.package}.{name}" if file.package else name for name in names]
    return pool, [pool.FindServiceByName(name) for name in services]


def handler(method):
    """What a method does."""
    taken = message_factory.GetMessageClass(method.input_type)
    given = message_factory.GetMessageClass(method.output_type)

    def answer(message):
        return message if method.input_type is method.output_type else given()

    def thrice(message, context):
        return (answer(message) for _ in range(3))

    def at_the_end(messages, context):
        last = taken()
        for last in messages:
            pass
        return answer(last)

    behaviour = {
        (False, False): (grpc.unary_unary_rpc_method_handler, lambda message, context: answer(message)),
        (False, True): (grpc.unary_stream_rpc_method_handler, thrice),
        (True, False): (grpc.stream_unary_rpc_method_handler, at_the_end),
        (True, True): (grpc.stream_stream_rpc_method_handler, lambda messages, context: map(answer, messages)),
    }
    make, function = behaviour[method.client_streaming, method.server_streaming]
    return make(function, request_deserializer=taken.FromString, response_serializer=given.SerializeToString)


def main():
    port, *files = sys.argv[1:]
    pool, services = load(files)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    names = [reflection.SERVICE_NAME]
    checks = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    for service in services:
        handlers = {method.name: handler(method) for method in service.methods}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service.full_name, handlers)])
        checks.set(service.full_name, health_pb2.HealthCheckResponse.SERVING)
        names.append(service.full_name)
    reflection.enable_server_reflection(names, server, pool=pool)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
