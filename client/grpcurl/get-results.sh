#!/bin/sh
# Prints what models did and earned, by date and model.
#
# usage: get-results.sh [FIELD=TEXT | FIELD:=JSON]...
#        get-results.sh date=2025-10-02 experiment=demo detail=RESULT_DETAIL_FULL
set -eu
. "$(dirname "$0")/call.sh"
call GetResults "" "$@"
