#!/bin/sh
# Checks that the agents of a job were shown nothing later than their decisions.
#
# usage: audit-job.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call AuditJob "job_id" "$@"
