#!/bin/sh
# Runs a job that has ended again from its record and compares every row.
#
# usage: verify-job.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
set -eu
: "${GRPCURL_MAX_TIME:=600}"
. "$(dirname "$0")/call.sh"
call VerifyJob "job_id" "$@"
