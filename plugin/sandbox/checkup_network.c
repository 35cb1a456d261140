/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup_network.c - NetworkPolicies that cut sandboxes off from DNS or from the API server.
 *
 * Judged by what they say; whether the network enforces them nobody can ask. Policies add up: what
 * any of those that select a pod lets out is let out, and with none that is about egress,
 * everything is. Where it can't be told whether a rule is meant for the API server or DNS, it
 * counts as if it were.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/checkup_parts.h"
#include "plugin/sandbox/labels.h"

#define MOST_ADDRESSES 16u

/* What sandboxes need to reach. */
struct target {
	const char *addresses[MOST_ADDRESSES]; /* that are known; borrowed */
	size_t count;
	int ports[2];	      /* either will do; 0: none */
	const char *protocol; /* "UDP" */
	bool in_pods;	      /* pods of namespace kube-system, else no pod at all */
};

/* --- selectors --- */

static bool labels_match(const cJSON *wanted, const cJSON *labels)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, wanted)
	{
		const char *value = cJSON_GetStringValue(asb_json_member(labels, item->string));
		const char *text = cJSON_GetStringValue(item);

		if (value == NULL || text == NULL || strcmp(value, text) != 0)
			return false;
	}
	return true;
}

static bool is_among(const cJSON *values, const char *value)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, values)
	{
		const char *text = cJSON_GetStringValue(item);

		if (text != NULL && value != NULL && strcmp(text, value) == 0)
			return true;
	}
	return false;
}

static bool expression_matches(const cJSON *expression, const cJSON *labels)
{
	const char *key = asb_json_string(expression, "key");
	const char *how = asb_json_string(expression, "operator");
	const cJSON *values = asb_json_member(expression, "values");
	const char *value;

	if (key == NULL || how == NULL)
		return false;
	value = cJSON_GetStringValue(asb_json_member(labels, key));
	if (strcmp(how, "Exists") == 0)
		return value != NULL;
	if (strcmp(how, "DoesNotExist") == 0)
		return value == NULL;
	if (strcmp(how, "In") == 0)
		return is_among(values, value);
	return strcmp(how, "NotIn") == 0 && !is_among(values, value);
}

static bool selector_matches(const cJSON *selector, const cJSON *labels)
{
	const cJSON *expression;

	if (!labels_match(asb_json_member(selector, "matchLabels"), labels))
		return false;
	cJSON_ArrayForEach(expression, asb_json_member(selector, "matchExpressions"))
	{
		if (!expression_matches(expression, labels))
			return false;
	}
	return true;
}

/* --- addresses --- */

static size_t parse_address(const char *text, unsigned char bytes[16])
{
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool is_inside(const char *address, const char *cidr)
{
	size_t length = strcspn(cidr, "/");
	ASB_TEXT base = asb_strndup(cidr, length);
	long bits = cidr[length] == '/' ? strtol(cidr + length + 1, NULL, 10) : 128;
	unsigned char a[16], b[16];
	size_t n = parse_address(address, a);

	if (n == 0 || parse_address(base, b) != n || bits < 0)
		return false;
	for (size_t i = 0; i < n && bits > 0; i++, bits -= 8) {
		unsigned mask = bits >= 8 ? 0xffu : 0xffu << (8 - bits) & 0xffu;

		if (((a[i] ^ b[i]) & mask) != 0)
			return false;
	}
	return true;
}

static bool block_holds(const cJSON *block, const struct target *target)
{
	const char *cidr = asb_json_string(block, "cidr");

	if (cidr == NULL || target->count == 0)
		return cidr != NULL; /* unknown addresses: it may */
	for (size_t i = 0; i < target->count; i++) {
		bool inside = is_inside(target->addresses[i], cidr);
		const cJSON *except;

		cJSON_ArrayForEach(except, asb_json_member(block, "except"))
		{
			const char *text = cJSON_GetStringValue(except);

			if (text != NULL && is_inside(target->addresses[i], text))
				inside = false;
		}
		if (inside)
			return true;
	}
	return false;
}

/* --- rules --- */

/* DNS is served by pods of kube-system, whatever labels those have. */
static bool peer_is(const cJSON *peer, const struct target *target)
{
	const cJSON *block = asb_json_member(peer, "ipBlock");
	const cJSON *spaces = asb_json_member(peer, "namespaceSelector");
	ASB_JSON labels = NULL;

	if (block != NULL)
		return block_holds(block, target);
	if (!target->in_pods || spaces == NULL)
		return false;
	labels = asb_json_literal("{\"kubernetes.io/metadata.name\":\"kube-system\"}");
	return selector_matches(spaces, labels);
}

static bool port_is(const cJSON *port, const struct target *target)
{
	const char *protocol = asb_json_string(port, "protocol");
	const cJSON *number = asb_json_member(port, "port");
	double first = asb_json_number(port, "port", 0);
	double last = asb_json_number(port, "endPort", first);

	if (strcmp(protocol != NULL ? protocol : "TCP", target->protocol) != 0)
		return false;
	if (number == NULL || cJSON_IsString(number))
		return true; /* all, or one with a name: it may */
	for (size_t i = 0; i < 2; i++) {
		if (target->ports[i] >= first && target->ports[i] <= last)
			return true;
	}
	return false;
}

/* A rule that names DNS's port is meant for DNS, wherever that is served (a cache on the node,
 * another namespace). */
static bool names_dns(const cJSON *port, const struct target *target)
{
	return target->in_pods && asb_json_number(port, "port", 0) > 0 && port_is(port, target);
}

static bool rule_allows(const cJSON *rule, const struct target *target)
{
	const cJSON *ports = asb_json_member(rule, "ports"), *to = asb_json_member(rule, "to");
	bool port = cJSON_GetArraySize(ports) == 0, peer = cJSON_GetArraySize(to) == 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, ports)
	{
		port = port || port_is(item, target);
		peer = peer || names_dns(item, target);
	}
	cJSON_ArrayForEach(item, to) peer = peer || peer_is(item, target);
	return port && peer;
}

static bool is_about_egress(const cJSON *policy)
{
	const cJSON *types = asb_json_at(policy, "spec/policyTypes");

	return types == NULL ? asb_json_at(policy, "spec/egress") != NULL
			     : is_among(types, "Egress");
}

/* The first policy that cuts pods with those labels off; NULL: they reach the target. */
static const cJSON *cut_by(const cJSON *policies, const cJSON *labels, const struct target *target)
{
	const cJSON *policy, *rule, *first = NULL;

	cJSON_ArrayForEach(policy, policies)
	{
		if (!is_about_egress(policy) ||
		    !selector_matches(asb_json_at(policy, "spec/podSelector"), labels))
			continue;
		first = first != NULL ? first : policy;
		cJSON_ArrayForEach(rule, asb_json_at(policy, "spec/egress"))
		{
			if (rule_allows(rule, target))
				return NULL;
		}
	}
	return first;
}

/* --- targets --- */

static void add_address(struct target *target, const char *address)
{
	if (address != NULL && target->count < MOST_ADDRESSES)
		target->addresses[target->count++] = address;
}

static struct target dns_target(const struct asb_exam *exam)
{
	struct target target = {.ports = {53, 5353}, .protocol = "UDP", .in_pods = true};
	const cJSON *ip;

	cJSON_ArrayForEach(ip,
			   asb_json_at(exam->answers[ASB_Q_DNS_SERVICE].json, "spec/clusterIPs"))
		add_address(&target, cJSON_GetStringValue(ip));
	return target;
}

/* Networks differ in whether they look at the address before or after the Service's was replaced by
 * an endpoint's: endpoints are what the specification means. */
static struct target api_target(const struct asb_exam *exam)
{
	const cJSON *slices = asb_json_member(exam->answers[ASB_Q_API_SLICES].json, "items");
	struct target target = {.ports = {443, 6443}, .protocol = "TCP"};
	const cJSON *slice, *endpoint;

	cJSON_ArrayForEach(slice, slices)
	{
		target.ports[1] = (int)asb_json_number(slice, "ports/0/port", 6443);
		cJSON_ArrayForEach(endpoint, asb_json_member(slice, "endpoints"))
			add_address(&target, asb_json_string(endpoint, "addresses/0"));
	}
	return target;
}

/* --- judging --- */

static char *allow_step(const struct asb_exam *exam, const char *name, const char *to,
			const char *ports)
{
	return asb_strf("kubectl apply -f - <<'EOF'\n"
			"apiVersion: networking.k8s.io/v1\n"
			"kind: NetworkPolicy\n"
			"metadata:\n"
			"  name: %s\n"
			"  namespace: %s\n"
			"spec:\n"
			"  podSelector:\n"
			"    matchLabels:\n"
			"      app.kubernetes.io/managed-by: " ASB_MANAGED_BY "\n"
			"  policyTypes: [Egress]\n"
			"  egress:\n"
			"  - ports: %s\n%s"
			"EOF",
			name, exam->namespace_, ports, to);
}

static char *dns_step(const struct asb_exam *exam)
{
	return allow_step(exam, "agentsandbox-dns",
			  "    to:\n"
			  "    - namespaceSelector:\n"
			  "        matchLabels:\n"
			  "          kubernetes.io/metadata.name: kube-system\n",
			  "[{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]");
}

static char *api_step(const struct asb_exam *exam, const struct target *target)
{
	struct asb_buffer to = ASB_BUFFER_INIT;
	ASB_TEXT ports = asb_strf("[{protocol: TCP, port: %d}]", target->ports[1]);
	char *step;

	for (size_t i = 0; i < target->count; i++)
		asb_buffer_addf(&to, "%s    - ipBlock: {cidr: %s/%s}\n", i == 0 ? "    to:\n" : "",
				target->addresses[i],
				strchr(target->addresses[i], ':') != NULL ? "128" : "32");
	step = allow_step(exam, "agentsandbox-api-server", to.data, ports);
	asb_buffer_release(&to);
	return step;
}

static void report(const cJSON *policy, const char *what, char *step, struct asb_checkup *checkup)
{
	const char *name = asb_json_string(policy, "metadata/name");

	asb_checkup_add(checkup, ASB_CHECK_NETWORK, ASB_CHECK_PROBLEM, step,
			"NetworkPolicy \"%s\" selects sandboxes, and no rule lets them reach %s",
			name != NULL ? name : "?", what);
}

void asb_judge_network(const struct asb_exam *exam, struct asb_checkup *checkup)
{
	const struct asb_answer *answer = &exam->answers[ASB_Q_POLICIES];
	const cJSON *policies = asb_json_member(answer->json, "items");
	struct target dns = dns_target(exam), api = api_target(exam);
	ASB_JSON pod = asb_json_literal("{\"metadata\":{}}");
	const cJSON *labels, *no_dns, *no_api;

	if (asb_checkup_unread(checkup, ASB_CHECK_NETWORK, answer, "NetworkPolicies"))
		return;
	asb_labels_set(pod, "metadata", "sandbox", "status");
	labels = asb_json_at(pod, "metadata/labels");
	no_dns = cut_by(policies, labels, &dns);
	no_api = cut_by(policies, labels, &api);
	if (no_dns != NULL)
		report(no_dns, "DNS (port 53 of namespace kube-system)", dns_step(exam), checkup);
	if (no_api != NULL)
		report(no_api, "the API server", api_step(exam, &api), checkup);
	if (no_dns == NULL && no_api == NULL)
		asb_checkup_add(checkup, ASB_CHECK_NETWORK, ASB_CHECK_OK, NULL,
				cJSON_GetArraySize(policies) == 0
					? "none"
					: "sandboxes reach DNS and the API server");
}
