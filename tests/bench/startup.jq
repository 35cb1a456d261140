# SPDX-License-Identifier: Apache-2.0
# startup.jq - what a run of tests/bench/startup says: $what is summary or page (Markdown), verdict (lines) or holds (a boolean).
include "bench";

def most: {warm: 0.5, cold: 0.8};
def names: {
  script: "a script: `kubectl apply`, `wait`, `exec`, `delete`",
  cold: "`kubectl agentsandbox run -- true`",
  warm: "`kubectl agentsandbox run --pool P -- true`",
  claim: "the script with a SandboxClaim of pool P",
  exec: "`kubectl exec POD -- true`",
  again: "`kubectl agentsandbox exec NAME -- true`"
};

group_by(.what) | map({key: .[0].what, value: sort_by(.round)}) | from_entries as $of
| def walls($what): $of[$what] | map(.wall);
  def share($what; $base): (walls($what) | middle) / (walls($base) | middle);
  # in each round by itself, as the machine is not as fast all the time
  def pairs($what; $base): [walls($what), walls($base)] | transpose | map(.[0] / .[1]);
  def row($what; $base): walls($what) | "| \(names[$what]) | \(middle | ms) | \(min | ms) – \(max | ms) | \(
    if $what == $base then "1 |" else "\(share($what; $base) | hundredths) (\(pairs($what; $base) | "\(min | hundredths) – \(max | hundredths)")) |" end)";
  def table($base; $rows): "| | median | fastest – slowest | of the first line (round by round) |", "|---|---|---|---|", ($rows[] | row(.; $base));
  def phases($what): $of[$what] | (.[0].phases | keys_unsorted | map("| \(.) ")), (map(.phases) as $all
    | .[0].phases | keys_unsorted | map(. as $name | "| \($all | map(.[$name]) | middle | ms) ")) | join("") + "|";
  def phase_table($what): [phases($what)] | "\(names[$what]):", "", .[0], (.[0] | gsub("[^|]+"; "---")), .[1];
  def circumstances: "\($of.script | length) rounds, \($date), \($cluster), one node, on the same machine (\($machine)).\($noise)";

  if $what == "summary" then table("script"; ["script", "cold", "warm"]), "", circumstances
  elif $what == "verdict" then most | to_entries[] | share(.key; "script") as $share
    | "\(.key) takes \($share | hundredths) of the script's time, at most \(.value): \(if $share <= .value then "ok" else "MISSED" end)"
  elif $what == "holds" then most | to_entries | map(share(.key; "script") <= .value) | all
  else
    "# How long until a command has run", "",
    "Written by `make bench PUBLISH=1`.", circumstances, "",
    "In each round everything is measured once, from the start of the program to its end, as a user who has our Role; before each",
    "measurement the cluster is quiet. The script applies the same Sandbox and ConfigMap (the shim's, which all share, is there",
    "before), waits for the condition Ready, runs the command and deletes both without waiting for it, as the plugin does. What it",
    "leaves out: the check of the rights, an end of the Sandbox that is renewed, the exit record.", "",
    table("script"; ["script", "cold", "warm", "claim"]), "",
    "One more command in a sandbox that is there:", "",
    table("exec"; ["exec", "again"]), "",
    "## Phases", "",
    "Medians of each by itself. `programs` is the start of kubectl and of the plugin; `schedule` lasts until the pod has a node (with a",
    "pool: until the claim has its Sandbox), `start` until the container runs, `connect` until the command does.", "",
    "Most of a cold start is the kubelet's: before it makes a container it looks for the pod's volumes, and when they are not mounted",
    "yet, as for a new pod, again after 300 ms. Script and plugin share that, and the container runtime's work for an exec.", "",
    (["script", "cold", "warm", "claim", "again"][] | phase_table(.), "")
  end
