"""Values of any reader in one text form, the same as test/interop/canonical.ts makes of DuckDB's: integers and decimals as
text, floating point as the sixteen digits of its bits, dates and times to the microsecond, those with a zone in UTC with Z,
binary as 0x and hex, structs as objects, maps as lists of pairs ordered by their keys."""
import datetime
import decimal
import json
import math
import struct
import uuid


def canonical(value, is_zoned=False):
    """`is_zoned` says that a time without a zone of its own is an instant in UTC, which Spark does not show otherwise."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else "f" + struct.pack(">d", value).hex()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value, is_zoned = value.astimezone(datetime.timezone.utc).replace(tzinfo=None), True
        return value.isoformat(" ", "microseconds") + ("Z" if is_zoned else "")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return value.isoformat("microseconds")
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"no canonical text for {type(value)}: {value!r}")


def pairs(entries):
    return sorted(entries, key=lambda pair: json.dumps(pair[0], ensure_ascii=False))


def of_arrow(value, kind):
    """A Python value of an Arrow table, by its Arrow type."""
    import pyarrow.types as types

    if value is None:
        return None
    if types.is_struct(kind):
        return {field.name: of_arrow(value[field.name], field.type) for field in kind}
    if types.is_list(kind) or types.is_large_list(kind):
        return [of_arrow(each, kind.value_type) for each in value]
    if types.is_map(kind):
        return pairs([[of_arrow(key, kind.key_type), of_arrow(each, kind.item_type)] for key, each in value])
    return canonical(value)


def arrow_table(table):
    columns = [[of_arrow(value, field.type) for value in table.column(index).to_pylist()] for index, field in enumerate(table.schema)]
    return {"columns": table.schema.names, "rows": [list(row) for row in zip(*columns)]}


def of_spark(value, kind):
    """A Python value of a Spark row, by its Spark type."""
    from pyspark.sql import types

    if value is None:
        return None
    if isinstance(kind, types.StructType):
        return {field.name: of_spark(value[field.name], field.dataType) for field in kind}
    if isinstance(kind, types.ArrayType):
        return [of_spark(each, kind.elementType) for each in value]
    if isinstance(kind, types.MapType):
        return pairs([[of_spark(key, kind.keyType), of_spark(each, kind.valueType)] for key, each in value.items()])
    if isinstance(kind, types.DecimalType):  # PySpark may show more digits than the type has
        return format(value.quantize(decimal.Decimal(1).scaleb(-kind.scale), context=decimal.Context(38)), "f")
    return canonical(value, is_zoned=isinstance(kind, types.TimestampType))


def spark_rows(frame):
    rows = frame.collect()
    fields = frame.schema.fields
    return {
        "columns": [field.name for field in fields],
        "rows": [[of_spark(row[index], field.dataType) for index, field in enumerate(fields)] for row in rows],
    }
