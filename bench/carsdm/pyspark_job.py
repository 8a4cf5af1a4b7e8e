"""The two Glue jobs that the carsdm system comes from, on one machine: PySpark local[*], one session.

LandingFiles writes Datasets, then Cars-Raw-DM types them and writes Final, the CDC zone and what does not fit. Tables go
through a thread pool, as in the job. Newest images: only keys with several images are sorted.

    python pyspark_job.py <root> <tables file> <run date>
"""

import datetime
import json
import os
import re
import sys
import time
from multiprocessing.pool import ThreadPool

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

TABLES_AT_ONCE = 8
RETENTION_DAYS = 10
ORDER = ["dart_sequence_time", "dart_sequence_rank", "dms_commit_ts", "dart_source_file", "dart_source_row"]
NOT_ADDED = ORDER + ["Op", "dart_filedate"]
MISSING = {"Op": "string", "dms_commit_ts": "timestamp_ntz"}


def session():
    builder = (
        SparkSession.builder.master("local[*]")
        .appName("carsdm")
        .config("spark.driver.memory", "8g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
        .config("spark.sql.parquet.compression.codec", "snappy")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.scheduler.mode", "FAIR")
        .config("spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version", "2")
    )
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def landed(spark, paths, is_load):
    """Files as they landed, with the four columns that give their rows an order."""
    rows = spark.read.option("mergeSchema", str(not is_load).lower()).parquet(*paths)
    names = rows.columns
    for name, kind in MISSING.items():
        if name not in names:
            rows = rows.withColumn(name, F.lit(None).cast(kind))
    file_time = F.to_timestamp(F.substring("_metadata.file_name", 1, 18), "yyyyMMdd-HHmmssSSS")
    return rows.select(
        "*",
        F.col("_metadata.file_name").alias("dart_source_file"),
        F.col("_metadata.row_index").alias("dart_source_row"),
        (F.col("dms_commit_ts") if is_load else file_time).cast("timestamp_ntz").alias("dart_sequence_time"),
        F.lit(0 if is_load else 1).cast("bigint").alias("dart_sequence_rank"),
    )


def landing_files(spark, root, table):
    folder, datasets = f"{root}/landing/cars/dbo/{table}", f"{root}/landing/cars/Datasets/{table}"
    names = sorted(os.listdir(folder))
    loads = [f"{folder}/{name}" for name in names if re.fullmatch(r"LOAD[0-9A-F]+\.parquet", name)]
    changes = [f"{folder}/{name}" for name in names if re.fullmatch(r"\d{8}-\d{9}\.parquet", name)]
    landed(spark, loads, True).coalesce(1).write.mode("overwrite").parquet(f"{datasets}-LOAD")
    dated = landed(spark, changes, False).withColumn("dart_filedate", F.to_date("dart_sequence_time"))
    dated.coalesce(1).write.mode("overwrite").partitionBy("dart_filedate").parquet(datasets)


def typed(rows, primary_key, declared):
    """Declared columns as declared, then added ones by name; `is_bad` says that a key part is null or a value does not fit."""
    have = dict(rows.dtypes)
    columns, faults = [], [F.col(name).isNull() for name in primary_key]
    for name, kind in declared.items():
        kind = "timestamp_ntz" if kind == "timestamp" else kind
        value = F.col(name) if name in have else F.lit(None)
        cast = value.cast(kind)
        columns.append(cast.alias(name))
        if have.get(name, kind) != kind:
            faults.append(value.isNotNull() & cast.isNull())
            precision, scale = map(int, re.findall(r"\d+", kind)) if kind.startswith("decimal") else (99, 0)
            if precision <= 18:  # digits would be lost; decimals of up to 18 digits are whole numbers inside
                exact = value.cast(f"decimal(18,{18 - precision + scale})")
                faults.append(F.coalesce(cast != exact, F.lit(False)))
    bad = faults[0]
    for fault in faults[1:]:
        bad = bad | fault
    added = sorted(name for name in have if name not in declared and name not in NOT_ADDED)
    return [*columns, *added], bad


def cars_raw_dm(spark, root, run_date, definition):
    table, key, declared = definition["table"], definition["primaryKey"], definition["columns"]
    datasets, final = f"{root}/landing/cars/Datasets/{table}", f"{root}/final/cars"
    oldest = run_date - datetime.timedelta(days=RETENTION_DAYS - 1)

    loads = spark.read.parquet(f"{datasets}-LOAD")
    changes = spark.read.option("mergeSchema", "true").parquet(datasets)
    load_columns, load_bad = typed(loads, key, declared)
    change_columns, change_bad = typed(changes, key, declared)
    good_changes = changes.where(~change_bad)

    zone = good_changes.where(F.col("dart_filedate") >= F.lit(oldest))
    zone = zone.select(*change_columns, "Op", "dms_commit_ts", "dart_source_file", "dart_source_row", "dart_filedate")
    zone.coalesce(1).write.mode("overwrite").partitionBy("dart_filedate").parquet(f"{final}/_cdc/{table}")

    images = (
        loads.where(~load_bad)
        .select(*load_columns, *ORDER)
        .unionByName(good_changes.where("Op IN ('I', 'U')").select(*change_columns, *ORDER), allowMissingColumns=True)
    )
    repeated = F.broadcast(images.groupBy(*key).count().where("count > 1").select(*key))
    newest_first = Window.partitionBy(*key).orderBy(*[F.desc_nulls_last(name) for name in ORDER])
    newest = images.join(repeated, key, "left_semi").withColumn("place", F.row_number().over(newest_first))
    names = [name for name in images.columns if name not in ORDER]
    kept = images.join(repeated, key, "left_anti").select(*names).unionByName(newest.where("place = 1").select(*names))
    kept.coalesce(1).write.mode("overwrite").parquet(f"{final}/{table}")

    rejected = changes.where(change_bad).unionByName(loads.where(load_bad), allowMissingColumns=True)
    rejected.coalesce(1).write.mode("overwrite").parquet(f"{root}/quarantine/carsdm/Cars-Raw-DM/{table}")


def main(root, tables_file, run_date):
    started = time.time()
    spark = session()
    with open(tables_file, encoding="utf-8") as file:
        tables = json.load(file)
    day = datetime.date.fromisoformat(run_date)
    with ThreadPool(TABLES_AT_ONCE) as pool:
        pool.map(lambda definition: landing_files(spark, root, definition["table"]), tables, chunksize=1)
        pool.map(lambda definition: cars_raw_dm(spark, root, day, definition), tables, chunksize=1)
    print(f"METRICS: duration_seconds={time.time() - started:.2f}")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
