#!/bin/sh
# Prints the state of a job, its counts and its model-days.
#
# usage: get-status.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetStatus "job_id" "$@"
