#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# docs.bats - the documents say what the program does: the man page names each command's options and no others, the README's
# commands exist, links lead somewhere. Needs no cluster.
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return 1
  page=docs/man/kubectl-agentsandbox.1
}

asb() { build/kubectl-agentsandbox "$@"; }

subcommands() { # subcommands [COMMAND]: what its help lists under "Commands:"
  asb ${1:+"$1"} --help | awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [a-z]/ { print $1 }'
}

leaves() { # every command that can be run, a line each
  local command sub
  for command in $(subcommands); do
    if [ -n "$(subcommands "$command")" ]; then
      for sub in $(subcommands "$command"); do echo "$command $sub"; done
    else
      echo "$command"
    fi
  done
}

flags_of_help() { # flags_of_help SECTION: "-i", "--stdin" ... that the help on stdin lists there
  awk -v section="$1" '/^[^ ].*:$/ { on = ($0 == section) } on && /^ +-/' | sed -E 's/^ +//; s/  .*//' |
    grep -oE -- '(^|[ ,])--?[A-Za-z][a-z-]*' | tr -d ' ,' | sort -u
}

flags_of_page() { # flags_of_page PATTERN: what the page says from the heading that matches to the next
  awk -v pattern="$1" '/^\.S[sh] / { on = ($0 ~ pattern) } on' "$page" | grep -E '^\.(It )?Fl |^\.Op ' |
    grep -oE 'Fl (\\?-[a-z-]+|[a-zA-Z]\>)' | sed -E 's/^Fl \\?-/--/; s/^Fl /-/' | sort -u
}

same() { # same WHAT HELP PAGE
  [ "$2" = "$3" ] || diff <(echo "$2") <(echo "$3") | sed -n "s/^</$1, missing in the page: /p; s/^>/$1, unknown to the program: /p"
}

@test "the man pages are clean mdoc" {
  run mandoc -T lint docs/man/*.[0-9]
  wrong=$(grep -v 'referenced manual not found' <<<"$output") || true # is it installed?
  echo "$wrong"
  [ -z "$wrong" ]
}

@test "the man page is what the program's help makes of it" {
  docs/man/generate build/kubectl-agentsandbox | diff "$page" - || { echo "write it anew: make man" && return 1; }
}

@test "the man page has a section for every command and for no other" {
  [ "$(leaves | sort)" = "$(sed -n 's/^\.Ss Ic //p' "$page" | sort)" ]
}

@test "each command's options are those of its help" {
  wrong=$(while read -r command; do
    # shellcheck disable=SC2086 # two words: a command and its subcommand
    same "$command" "$(asb $command --help | flags_of_help Options:)" "$(flags_of_page "^[.]Ss Ic $command\$")"
  done < <(leaves))
  echo "$wrong"
  [ -z "$wrong" ]
}

@test "the options for all commands are those of every help" {
  page_says=$(flags_of_page '^[.]Sh GLOBAL OPTIONS$')
  wrong=$(while read -r command; do
    # shellcheck disable=SC2086
    same "$command" "$(asb $command --help | flags_of_help 'Global options:')" "$page_says"
  done < <(leaves))
  echo "$wrong"
  [ -z "$wrong" ]
}

@test "commands and options in the documents exist" {
  wrong=$(while IFS=: read -r file line text; do
    read -r first second _ <<<"$text"
    case $first in [a-z]*) ;; *) continue ;; esac
    help=$(asb "$first" --help 2>/dev/null) || { echo "$file:$line: no command \"$first\"" && continue; }
    if grep -q '^Commands:' <<<"$help"; then
      [[ "${second:-}" =~ ^[a-z]+$ ]] || continue
      help=$(asb "$first" "$second" --help 2>/dev/null) || { echo "$file:$line: no command \"$first $second\"" && continue; }
    fi
    own=${text%% -- *} # what follows belongs to the command inside
    for flag in $(sed -E "s/'[^']*('|$)//g; s/\"[^\"]*(\"|$)//g" <<<"$own" | grep -oE -- '(^| )--?[a-zA-Z][a-z-]*' || true); do
      grep -qE -- "(^| |, )$flag(,| |\$)" <<<"$help" || echo "$file:$line: no $flag: $text"
    done
  done < <(git ls-files -co --exclude-standard '*.md' | xargs grep -noE -- 'kubectl agentsandbox [^`#|>;&)]*' | sed 's/:kubectl agentsandbox /:/'))
  echo "$wrong"
  [ -z "$wrong" ]
}

@test "relative links in the documents lead to a file, and to a heading in it" {
  wrong=$(while IFS=: read -r file link; do
    target=${link%%#*} anchor=
    [[ "$link" != *#* ]] || anchor=${link#*#}
    path=$(dirname "$file")/$target
    [ -n "$target" ] || path=$file
    [ -e "$path" ] || { echo "$file: no $link" && continue; }
    [ -z "$anchor" ] || sed -n 's/^#* //p' "$path" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g' | grep -qxF -- "$anchor" ||
      echo "$file: no heading #$anchor in $path"
  done < <(git ls-files -co --exclude-standard '*.md' | xargs grep -oE '\]\([^)]+\)' /dev/null | sed -E 's/:\]\(/:/; s/\)$//' |
    grep -vE ':(https?|mailto):'))
  echo "$wrong"
  [ -z "$wrong" ]
}
