#!/bin/sh
# Prints jobs, newest first.
#
# usage: list-jobs.sh [FIELD=TEXT | FIELD:=JSON]...
#        list-jobs.sh statuses:='["JOB_STATUS_FAILED"]' page_size:=5
set -eu
. "$(dirname "$0")/call.sh"
call ListJobs "" "$@"
