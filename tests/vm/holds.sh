# shellcheck shell=bash
# Sourced by what runs in the virtual machine and counts what holds there.
passed=0 failed=0

# holds WHAT COMMAND...: counts whether the command succeeds; what it printed is shown if not.
holds() {
  local what="$1" said
  shift
  if said="$("$@" 2>&1)"; then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$what"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n%s\n' "$what" "$said"
  fi
}

# counted: how it went, as status too.
counted() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  return $((failed > 0))
}
