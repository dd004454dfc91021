# engines/flink/flink_types.py - Flink's logical types as those of result columns, its JSON values as cells, its errors in short.
# SPDX-License-Identifier: Apache-2.0
import base64
import datetime
import decimal
import json
import re

TYPES = {"BOOLEAN": "bool", "TINYINT": "int", "SMALLINT": "int", "INTEGER": "int", "BIGINT": "int", "CHAR": "string", "VARCHAR": "string"}
PLACE = re.compile(r"(?:\bat|\bFrom|\bfrom) line (\d+), column (\d+)")
CAUSE = re.compile(r"^(?:Caused by: |<Exception on server side:\s*)?([\w.$]+(?:Exception|Error|Throwable)): ?(.*)$", re.M)


def or_text(convert):
    def value_of(text):
        try:
            return convert(text)
        except (ValueError, TypeError, decimal.InvalidOperation):
            return text
    return value_of


def as_json(value):
    return json.dumps(value, ensure_ascii=False, default=float)  # decimals within


def text(value):
    return value if isinstance(value, str) else as_json(value)


def type_of(logical):
    """(column type, what makes a cell of a value; None: the value is one). Numbers with a point come as Decimal."""
    kind = str(logical.get("type") or "").upper()
    if kind in TYPES:
        return TYPES[kind], None
    if kind in ("FLOAT", "DOUBLE"):
        return "float", float
    if kind == "DECIMAL":
        return "decimal", or_text(decimal.Decimal)
    if kind == "DATE":
        return "date", or_text(datetime.date.fromisoformat)
    if kind == "TIMESTAMP_WITHOUT_TIME_ZONE":
        return "timestamp", or_text(datetime.datetime.fromisoformat)
    if kind in ("BINARY", "VARBINARY"):
        return "binary", or_text(base64.b64decode)
    if kind in ("ARRAY", "MAP", "MULTISET", "ROW", "STRUCTURED_TYPE", "VARIANT"):
        return "any", as_json
    return "string", text  # times, with zones, intervals, RAW


def cause_of(errors):
    """(name, message, line or None): the innermost cause tells what is wrong; the frames around it tell Flink's authors."""
    full = "\n".join(map(str, errors))
    causes = CAUSE.findall(full)
    name, message = (causes[-1][0].rpartition(".")[2], causes[-1][1]) if causes else ("FlinkError", full[:1000])
    place = PLACE.search(full)
    if not message:
        message = next((each[1] for each in reversed(causes) if each[1]), name)
    if place and not PLACE.search(message):
        message += f" (line {place[1]}, column {place[2]})"
    return name, message.strip(), int(place[1]) if place else None
