#!/bin/sh
# Makes .venv-spark/ in the project: a Python with PySpark, for the Spark engine and its tests. Run it as often as you like.
# PySpark brings Spark's own jars (317 MB, once); Java comes from the machine. Says in one line what is missing, exit 0.
#   sh scripts/spark-venv.sh [python]      the Python to build on, python3 by default
set -eu

version=3.5.6 # what AWS Glue 5.1 runs
python=${1:-python3}
folder=$(cd "$(dirname "$0")/.." && pwd)/.venv-spark

without() {
  echo "spark-venv: no Spark here: $1"
  exit 0
}

java -version >/dev/null 2>&1 || without 'java is missing; install Java 17 (apt-get install openjdk-17-jre-headless)'
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null ||
  without "$python is missing or older than 3.8 (apt-get install python3 python3-venv)"

here() { "$folder/bin/python" -c "import pyspark, sys; sys.exit(pyspark.__version__ != '$version')" 2>/dev/null; }

if ! here; then
  "$python" -m venv "$folder" >/dev/null 2>&1 || without "$python cannot make a venv (apt-get install python3-venv)"
  echo '*' >"$folder/.gitignore"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "pyspark==$version" ||
    without "pip could not install pyspark==$version; its message is above"
fi
here || without "pyspark $version cannot be imported from $folder; remove that folder and try again"
echo "spark-venv: PySpark $version in $folder"
