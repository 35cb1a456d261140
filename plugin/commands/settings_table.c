/* SPDX-License-Identifier: Apache-2.0 */
/* settings_table.c - the settings there are. */
#include <ctype.h>
#include <string.h>

#include "plugin/commands/run_options.h"
#include "plugin/commands/settings.h"

#define VARIABLE_PREFIX "AGENTSANDBOX_"

const struct asb_setting asb_setting_table[ASB_SETTINGS + 1] = {
	{"image", "sandboxImage", "image", ASB_SETTING_TEXT, ASB_DEFAULT_IMAGE, "IMAGE",
	 "container image, any one, even without a shell"},
	{"imagePullPolicy", NULL, "image-pull-policy", ASB_SETTING_TEXT,
	 ASB_DEFAULT_IMAGE_PULL_POLICY, "POLICY", "Always, IfNotPresent or Never"},
	{"runtimeClass", "runtimeClass", "runtime-class", ASB_SETTING_TEXT, NULL, "NAME",
	 "RuntimeClass of a stronger wall, such as gvisor or kata"},
	{"arch", NULL, "arch", ASB_SETTING_TEXT, NULL, "ARCH",
	 "architecture of the nodes, amd64 or arm64 (found out when not set)"},
	{"namespace", NULL, "namespace", ASB_SETTING_TEXT, ASB_DEFAULT_NAMESPACE, "NAME",
	 "namespace of the sandboxes"},
	{"serviceAccount", NULL, "service-account", ASB_SETTING_TEXT, ASB_DEFAULT_SERVICE_ACCOUNT,
	 "NAME", "what commands may do in the cluster"},
	{"pool", NULL, "pool", ASB_SETTING_TEXT, NULL, "NAME",
	 "warm pool that sandboxes are taken from"},
	{"sandbox", "sandbox", "sandbox", ASB_SETTING_TEXT, ASB_DEFAULT_SANDBOX, "KIND",
	 "agent-sandbox (a Sandbox) or k8s (a plain pod)"},
	{"ttl", NULL, "ttl", ASB_SETTING_AMOUNT, NULL, "DURATION",
	 "how long a sandbox that was created to stay lives"},
	{"lease", NULL, "lease", ASB_SETTING_AMOUNT, ASB_DEFAULT_LEASE, "DURATION",
	 "how long a sandbox outlives us when we vanish, at least 10s"},
	{"timeout", NULL, "timeout", ASB_SETTING_AMOUNT, NULL, "DURATION",
	 "end commands, and all that they started, after this time"},
	{"readyTimeout", NULL, "ready-timeout", ASB_SETTING_AMOUNT, ASB_DEFAULT_READY_TIMEOUT,
	 "DURATION", "give up when the sandbox does not run by then"},
	{"resources.cpu", NULL, "cpu", ASB_SETTING_AMOUNT, ASB_DEFAULT_CPU, "QUANTITY",
	 "most CPU a sandbox may use, such as 2 or 500m"},
	{"resources.memory", NULL, "memory", ASB_SETTING_AMOUNT, ASB_DEFAULT_MEMORY, "QUANTITY",
	 "most memory a sandbox may use, such as 2Gi"},
	{"user", NULL, "user", ASB_SETTING_AMOUNT, NULL, "UID",
	 "numeric user inside (1001 when not set), or \"image\" for the image's own"},
	{"env", NULL, "env", ASB_SETTING_MAP, NULL, "NAME=VALUE",
	 "variables of commands; --env adds to them and replaces those of the same name"},
	{"workdir", NULL, "workdir", ASB_SETTING_TEXT, NULL, "DIR",
	 "absolute directory to start in (/workspace when not set)"},
	{"quiet", NULL, "quiet", ASB_SETTING_FLAG, "false", "BOOL",
	 "no progress and no notes on stderr, only errors"},
	{0},
};

const struct asb_setting *asb_setting_find(const char *key)
{
	const struct asb_setting *setting;

	for (setting = asb_setting_table; setting->key != NULL; setting++)
		if (strcmp(setting->key, key) == 0)
			return setting;
	return NULL;
}

char *asb_setting_variable(const struct asb_setting *setting)
{
	char *name, *p;

	if (setting->kind == ASB_SETTING_MAP)
		return NULL;
	name = asb_strf(VARIABLE_PREFIX "%s", setting->flag);
	for (p = name + strlen(VARIABLE_PREFIX); *p != '\0'; p++)
		*p = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
	return name;
}
