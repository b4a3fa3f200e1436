"""Requests and answers as Kafka's own schemas describe them, through kafka-python's codec.

One place that depends on how kafka-python names things.
"""

import inspect
import io

import kafka.protocol.admin
import kafka.protocol.consumer
import kafka.protocol.metadata
import kafka.protocol.producer
from kafka.protocol.api_message import ApiMessage

_PACKAGES = (
    kafka.protocol.admin,
    kafka.protocol.consumer,
    kafka.protocol.metadata,
    kafka.protocol.producer,
)


def request_classes():
    """{api key: request class}."""
    found = {}
    for package in _PACKAGES:
        for _, one in inspect.getmembers(package, inspect.isclass):
            if issubclass(one, ApiMessage) and one is not ApiMessage and one.is_request():
                found[one.API_KEY] = one
    return found


def ask(connection, api_key, version, fields):
    """The answer to one request, as a dictionary named as in Kafka's schemas."""
    request_class = request_classes()[api_key]
    request = request_class[version](**_built(request_class.fields, fields))
    connection.correlation_id += 1
    request.with_header(correlation_id=connection.correlation_id, client_id="harness")
    answer_class = request.header.get_response_class()
    connection.send_frame(bytes(request.encode(header=True)))
    data = io.BytesIO(connection.receive_frame())
    header = answer_class.parse_header(data)
    assert header.correlation_id == connection.correlation_id
    answer = answer_class.decode(data)
    left = data.read()
    assert not left, f"{len(left)} bytes behind the answer to {api_key} version {version}"
    return answer.to_dict()


def _built(schema, fields):
    """Nested dictionaries and lists of them as the message's own classes."""
    return {name: _value(schema[name], value) for name, value in fields.items()}


def _value(field, value):
    if isinstance(value, list) and field.is_struct_array():
        return [_struct(field.array_of, one) for one in value]
    return _struct(field, value) if isinstance(value, dict) else value


def _struct(field, values):
    return field.data_class(**_built(field.fields, values))
