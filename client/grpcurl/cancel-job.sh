#!/bin/sh
# Stops a job: nothing of it is committed any more, what was committed stays.
#
# usage: cancel-job.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call CancelJob "job_id" "$@"
