#!/bin/sh
# Prints the close values of one portfolio by date.
#
# usage: get-portfolio-timeseries.sh MODEL [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetPortfolioTimeseries "model" "$@"
