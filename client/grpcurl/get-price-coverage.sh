#!/bin/sh
# Prints which prices there are, and what is missing or strange among them.
#
# usage: get-price-coverage.sh [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetPriceCoverage "" "$@"
