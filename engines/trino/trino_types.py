# engines/trino/trino_types.py - Trino's types as those of result columns, and its JSON values as cells.
# SPDX-License-Identifier: Apache-2.0
import base64
import datetime
import decimal
import json


def timestamp(text):
    """Trino has up to twelve digits, and years that Python has not."""
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return text


def date(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return text


def as_json(value):
    return json.dumps(value, ensure_ascii=False)


def text(value):
    return value if isinstance(value, str) else as_json(value)


PLAIN = {"bigint": "int", "integer": "int", "smallint": "int", "tinyint": "int", "boolean": "bool", "varchar": "string",
         "char": "string", "uuid": "string", "ipaddress": "string", "time": "string"}


def type_of(name):
    """(column type, what makes a cell of a value; None: the value is one)"""
    kind = name.split("(")[0].strip().lower()
    if "with time zone" in name:
        return "string", None   # the zone is part of the value
    if kind in PLAIN:
        return PLAIN[kind], None
    if kind in ("double", "real"):
        return "float", float   # also "NaN" and "Infinity"
    if kind == "decimal":
        return "decimal", decimal.Decimal
    if kind == "date":
        return "date", date
    if kind == "timestamp":
        return "timestamp", timestamp
    if kind == "varbinary":
        return "binary", base64.b64decode
    if kind in ("array", "map", "row"):
        return "any", as_json
    return "string", text       # json, interval, sketches, ...
