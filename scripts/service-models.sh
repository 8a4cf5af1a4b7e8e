#!/bin/sh
# Makes .service-models/ in the project: the published models of the AWS services that clean rooms are made of, from botocore's wheel.
# The tests hold every request against them. Run it as often as you like. Says in one line what could not be had, exit 0: the
# tests skip what needs them, by name.
#   sh scripts/service-models.sh [python]      the Python to fetch with, python3 by default
set -eu

version=1.44.5
python=${1:-python3}
folder=$(cd "$(dirname "$0")/.." && pwd)/.service-models

without() {
  echo "service-models: none here: $1"
  exit 0
}

if [ "$(cat "$folder/version" 2>/dev/null)" != "$version" ]; then
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
  "$python" -m venv "$temporary/venv" >/dev/null 2>&1 || without "$python cannot make a venv (apt-get install python3-venv)"
  "$temporary/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$temporary" \
    "botocore==$version" || without "pip could not download botocore==$version; its message is above"
  mkdir -p "$folder"
  echo '*' >"$folder/.gitignore"
  "$python" - "$temporary" "$folder" <<'END'
import glob, os, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/botocore-*.whl')[0])
for service in ('cleanrooms', 'entityresolution', 'glue'):
    [name] = [name for name in wheel.namelist() if name.startswith(f'botocore/data/{service}/') and '/service-2.json' in name]
    with open(os.path.join(sys.argv[2], f'{service}.json.gz'), 'wb') as out:
        out.write(wheel.read(name))
END
  echo "$version" >"$folder/version"
fi
echo "service-models: botocore $version in $folder"
