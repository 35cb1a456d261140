# SPDX-License-Identifier: Apache-2.0
# bench.jq - figures as the reports show them.

def middle: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
def ms: . * 1000 | round | "\(.) ms";
def hundredths: . * 100 | round | "\(. / 100 | floor).\(. % 100 + 100 | tostring | .[1:])";
