#!/bin/sh
# check.sh FILE SENTENCE COMPILER ARGUMENTS...: FILE must not compile, and the
# compiler must say SENTENCE.
file=$1 sentence=$2
shift 2
if output=$("$@" -fsyntax-only "$file" 2>&1); then
  echo "$file compiles"
  exit 1
fi
case $output in
*"$sentence"*) exit 0 ;;
esac
echo "the sentence is missing: $sentence"
printf '%s\n' "$output" | head -n 40
exit 1
