#!/bin/sh
# Prints how much is stored: size, rows by table, jobs by status and by day, the largest models.
#
# usage: get-storage-status.sh [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetStorageStatus "" "$@"
