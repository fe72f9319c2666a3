#!/bin/sh
# Prints how good one portfolio was: returns, risk, ratios with confidence intervals.
#
# usage: get-metrics.sh MODEL [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetMetrics "model" "$@"
