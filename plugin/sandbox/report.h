/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what the facts about a sandbox mean: diagnosis, next step, timeline. Pure.
 *
 * The report is one object, which is what `status NAME -o json` prints:
 *
 *   name, namespace, kind ("Sandbox", "SandboxClaim", "Pod"), apiVersion
 *   healthy     whether nothing is wrong: it runs, or is on its way
 *   state       "running", "starting" or "problem"
 *   code        stable word for the diagnosis, such as "image-not-found" (diagnose.h)
 *   summary     the diagnosis in a line
 *   nextStep    a line to paste that repairs it, with words in capitals for what the user must
 *               choose (next_step.h); null when there is nothing to be done
 *   sandbox, claim, pool, pod, node, image, runtimeClass, serviceAccount    null when unknown
 *   madeByPlugin
 *   created     RFC 3339
 *   end         {time, policy, inMs, how}: the end of its life, who moves it; null: none
 *   containers  [{name, state, reason, message, exitCode, restarts, last: {reason, exitCode}}]
 *   conditions  [{of: "claim" | "sandbox" | "pod", type, status, reason, message, since, meaning}]
 *   timeline    [{time, afterMs, tookMs, what}], oldest first; afterMs since the first entry,
 *               tookMs since the entry before
 *   events      [{time, type, reason, object, message, count}], oldest first
 *   notes       [what could not be read]
 */
#ifndef ASB_REPORT_H
#define ASB_REPORT_H

#include "plugin/sandbox/facts.h"

/* Owned by the caller. */
cJSON *asb_report(const struct asb_facts *facts);

#endif
