"""The Glue job that the flywheel system comes from, on one machine: PySpark local[*].

Reads one snapshot, brings its column names to lower case, and writes for every table of the CSV its columns as one
partition, in as many files as its size asks for.

    python pyspark_job.py <snapshot folder> <split CSV> <output folder>
"""

import csv
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

KEY = "customer_user_id"


def main(snapshot, split, output):
    spark = (
        SparkSession.builder.master("local[*]")
        .appName("infobase-split-and-part")
        .config("spark.driver.memory", "8g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.sources.partitionOverwriteMode", "dynamic")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    wide = spark.read.parquet(snapshot)
    wide = wide.select([F.col(f"`{name}`").alias(name.lower()) for name in wide.columns])
    rows = wide.count()
    tables = {}
    with open(split, newline="") as lines:
        for row in csv.DictReader(lines):
            tables.setdefault(row["table_name"], [KEY]).append(row["column_name"].lower())
    date = os.path.basename(snapshot.rstrip("/")).split("=")[1]
    size = sum(os.path.getsize(os.path.join(snapshot, name)) for name in os.listdir(snapshot))
    for table, columns in tables.items():
        gigabytes = size * len(columns) / len(wide.columns) / 2**30
        files = min(256, max(1, int(gigabytes * 2)))
        narrow = wide.select(columns).where(F.col(KEY).isNotNull()).withColumn("snapshot_dt", F.lit(date))
        narrow.coalesce(files).write.mode("overwrite").partitionBy("snapshot_dt").parquet(os.path.join(output, table))
    print("rows", rows)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
