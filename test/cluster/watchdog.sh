#!/bin/sh
# Outlives its parent by an instant: reads "+PID" and "-PID" lines, and when the parent is gone (end of
# input) kills what is still listed, so that a test run killed with -9 leaves no control plane behind.
pids=""
while read -r line; do
  pid="${line#?}"
  case "$line" in
    +*) pids="$pids $pid" ;;
    -*) kept=""; for p in $pids; do [ "$p" = "$pid" ] || kept="$kept $p"; done; pids="$kept" ;;
  esac
done
for p in $pids; do kill -9 "$p" 2>/dev/null; done
[ -n "$1" ] && rm -rf -- "$1"
exit 0
