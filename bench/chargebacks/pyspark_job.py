"""The Glue job that the chargebacks system comes from, on one machine: PySpark local[*].

Reads the day's files with one merged schema, checks quality, keeps the latest row of every chargeback_id, writes N files.
Rows without an id are counted and left out; files that cannot be read are skipped, as Spark does when told to.

    python pyspark_job.py <landing folder of the day> <output folder> <files>
"""

import sys
import time

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F


def main(landing, output, file_count):
    started = time.time()
    spark = (
        SparkSession.builder.master("local[*]")
        .appName("consolidate_chargebacks")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.files.ignoreCorruptFiles", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    day = spark.read.option("mergeSchema", "true").parquet(landing)

    # One pass for every check: counts of rows, of nulls by column, and of different ids.
    has_id = F.trim(F.coalesce("chargeback_id", F.lit(""))) != ""
    nulls = [F.count(F.when(F.col(name).isNull(), 1)).alias(name) for name in day.columns]
    quality = day.agg(
        F.count(F.lit(1)).alias("rows_read"),
        F.count(F.when(has_id, 1)).alias("rows_with_id"),
        F.countDistinct(F.when(has_id, F.col("chargeback_id"))).alias("ids"),
        *nulls,
    ).first()
    print("quality", quality.asDict())

    latest = Window.partitionBy("chargeback_id").orderBy(
        F.coalesce("updated_at", "event_timestamp").desc_nulls_last(), F.desc_nulls_last("event_timestamp")
    )
    kept = day.where(has_id).withColumn("place", F.row_number().over(latest)).where("place = 1").drop("place")
    kept.repartition(file_count).write.mode("overwrite").option("compression", "snappy").parquet(output)

    duplicates = quality["rows_with_id"] - quality["ids"]
    print(
        f"METRICS: records_processed={quality['rows_read']}, duplicates_removed={duplicates}, "
        f"output_files={file_count}, duration_seconds={time.time() - started:.2f}"
    )
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
