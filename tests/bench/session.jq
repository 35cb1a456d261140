# SPDX-License-Identifier: Apache-2.0
# session.jq - what a run of tests/bench/session says: $what is page (Markdown), table, plot (SVG), verdict (lines) or holds.
include "bench";

def most: [ # of kubectl's
  {task: "one", side: "exec", of: "wall", most: 0.6}, {task: "one", side: "exec", of: "cpu", most: 0.2},
  {task: "one", side: "socket", of: "wall", most: 0.1},
  {task: "many", side: "turns", of: "wall", most: 0.05}, {task: "many", side: "session", of: "wall", most: 0.05},
  {task: "out", side: "exec", of: "wall", most: 1}, {task: "out", side: "exec", of: "cpu", most: 0.5},
  {task: "in", side: "exec", of: "wall", most: 1}, {task: "in", side: "exec", of: "cpu", most: 0.5},
  {task: "put", side: "cp", of: "wall", most: 0.5}, {task: "get", side: "cp", of: "wall", most: 0.5}
];
def titles: {
  one: "A command that does nothing, from the shell",
  many: "1,000 of them, each",
  crowd: "200 at once that sleep for 1 s",
  out: "1 GiB out",
  in: "1 GiB in",
  put: "10,000 files of 1 KiB in",
  get: "10,000 files of 1 KiB out"
};
def sides: {
  one: {kubectl: "`kubectl exec`", exec: "`exec`", socket: "`exec`, control socket"},
  many: {kubectl: "`kubectl exec`", turns: "`session`, one after another", session: "`session`, as fast as it can"},
  crowd: {session: "`session`"},
  out: {kubectl: "`kubectl exec`", exec: "`exec`"},
  in: {kubectl: "`kubectl exec -i`", exec: "`exec -i`"},
  put: {kubectl: "`kubectl cp`", cp: "`cp`"},
  get: {kubectl: "`kubectl cp`", cp: "`cp`"}
};

def time: if . >= 1 then . * 100 | round | "\(. / 100 | floor).\(. % 100 + 100 | tostring | .[1:]) s"
  elif . >= 0.01 then ms else . * 10000 | round | "\(. / 10 | floor).\(. % 10) ms" end;
def escaped: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub("`"; "");

map(select(.task == "idle")) as $idle
| map(select(.task != "idle")) | group_by([.task, .side]) | map({key: "\(.[0].task)/\(.[0].side)", value: .}) | from_entries as $of
| def there($task; $side): $of | has("\($task)/\($side)");
  def figures($task; $side; $of_what): $of["\($task)/\($side)"] | map(.[$of_what]);
  def mid($task; $side; $of_what): figures($task; $side; $of_what) | middle;
  def share($task; $side; $of_what): mid($task; $side; $of_what) / ([mid($task; "kubectl"; $of_what), 0.000001] | max);
  def shared($task; $side; $of_what): if $side == "kubectl" or (there($task; "kubectl") | not) then "" else share($task; $side; $of_what) | hundredths end;
  def tasks: titles | keys_unsorted[] | select(. as $task | sides[$task] | keys_unsorted | any(there($task; .)));
  def rows($task): sides[$task] | to_entries[] | select(there($task; .key)) | .key as $side
    | "| \(.value) | \(mid($task; $side; "wall") | time) | \(figures($task; $side; "wall") | "\(min | time) – \(max | time)") | \(
       shared($task; $side; "wall")) | \(mid($task; $side; "cpu") | time) | \(shared($task; $side; "cpu")) | \(
       mid($task; $side; "rss") | round) MiB | \(mid($task; $side; "sandbox") | time) |";
  def table: tasks as $task | "| **\(titles[$task])** | | | | | | | |", rows($task);
  def head: "| | median | fastest – slowest | of kubectl's | CPU here | of kubectl's | memory here | CPU in the sandbox |", "|---|---|---|---|---|---|---|---|";
  def circumstances: "\([$of[] | length] | max // 0) rounds, \($date), \($cluster), one node, on the same machine (\($machine)).\($noise)";
  def judged: most[] | select(there(.task; .side) and there(.task; "kubectl")) | .share = share(.task; .side; .of);

  # Bars from 0 to 1.25 of kubectl's figure: the wall's above, the CPU's below.
  def bar($y; $value; $colour): ([$value, 1.25] | min * 320 | . * 10 | round / 10) as $width
    | "<rect x=\"300\" y=\"\($y)\" width=\"\($width)\" height=\"10\" fill=\"\($colour)\"/>",
      "<text x=\"\(306 + $width)\" y=\"\($y + 9)\" font-size=\"10\">\($value | hundredths)</text>";
  def plotted: [titles | keys_unsorted[] as $task | sides[$task] | to_entries[] | select(.key != "kubectl" and there($task; .key) and there($task; "kubectl"))
    | {$task, side: .key, name: .value}];
  def plot: plotted as $bars | ($bars | length * 40 + 70) as $height
    | "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"780\" height=\"\($height)\" font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"780\" height=\"\($height)\" fill=\"white\"/>",
      "<text x=\"20\" y=\"24\" font-size=\"14\">Of what kubectl takes (medians; shorter is better)</text>",
      "<rect x=\"440\" y=\"15\" width=\"10\" height=\"10\" fill=\"#326ce5\"/><text x=\"455\" y=\"24\">time</text>",
      "<rect x=\"500\" y=\"15\" width=\"10\" height=\"10\" fill=\"#f0a030\"/><text x=\"515\" y=\"24\">CPU of the client</text>",
      "<line x1=\"620\" x2=\"620\" y1=\"40\" y2=\"\($height - 20)\" stroke=\"#888\" stroke-dasharray=\"4\"/>",
      "<text x=\"612\" y=\"\($height - 6)\" font-size=\"10\">kubectl</text>",
      ($bars | to_entries[] | (.key * 40 + 46) as $y | .value
        | "<text x=\"20\" y=\"\($y + 10)\">\(titles[.task] | escaped)</text>",
          "<text x=\"20\" y=\"\($y + 24)\" font-size=\"10\" fill=\"#555\">\(.name | escaped)</text>",
          bar($y; share(.task; .side; "wall"); "#326ce5"), bar($y + 13; share(.task; .side; "cpu"); "#f0a030")),
      "</svg>";

  if $what == "table" then head, table, "", circumstances
  elif $what == "verdict" then judged
    | "\(.task), \(.side): \(.share | hundredths) of kubectl's \(if .of == "cpu" then "CPU" else "time" end), at most \(.most): \(if .share <= .most then "ok" else "MISSED" end)"
  elif $what == "holds" then [judged | .share <= .most] | all
  elif $what == "plot" then plot
  else
    "# Work in a sandbox that is there", "",
    "Written by `make bench PUBLISH=1`. \(circumstances)", "",
    "In each round everything is measured once, from the start of the program to its end, as a user who has our Role, in the same",
    "sandbox. The plugin is the static program of the release, called as `kubectl-agentsandbox`; called through `kubectl` it takes the",
    "start of kubectl besides. CPU here is that of the client and its children, and of the process that holds the control socket; CPU",
    "in the sandbox is what its cgroup says, with the container runtime's share of an exec. The figures of small commands are those of",
    "one of them.", "",
    "![Time and CPU as shares of kubectl's](session.svg)", "",
    head, table, "",
    ($idle[] | "PID 1 of a sandbox with nothing to do has \(.rss) KiB of memory and wakes up \(.wakes) times in 10 s.\(
      if .full == null then "" else " While 200 commands sleep it has \(.full) KiB." end)", ""),
    "| what is asked for | measured |", "|---|---|",
    (judged | "| \(titles[.task]), \(sides[.task][.side]): at most \(.most) of kubectl's \(if .of == "cpu" then "CPU" else "time" end) | \(.share | hundredths) |")
  end
