/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kube/credential.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/buffer.h"
#include "plugin/base/clock.h"
#include "plugin/kube/credential_parts.h"
#include "plugin/kube/keypair.h"

#define LEEWAY_MS 10000 /* what is about to expire would do so on the way */

/* --- taking ----------------------------------------------------------------------------------- */

static int take_plugin(const struct asb_stanza *user, const struct asb_stanza *cluster,
		       const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
		       struct asb_error *err)
{
	struct asb_credential *credential = asb_calloc(1, sizeof(*credential));

	credential->now.expires_ms = -1;
	if (asb_credential_plugin_read(user, cluster, out, &credential->plugin, err) != 0 ||
	    out->kind != NULL) {
		asb_credential_free(credential);
		return asb_failed(err) ? -1 : 0;
	}
	if (!flags->no_credential_cache && credential->plugin.mode != ASB_INTERACTIVE_ALWAYS)
		credential->cache_path = asb_credential_cache_path(&credential->plugin);
	out->credential = credential;
	out->kind = "exec plugin";
	return 0;
}

static int take_provider(const struct asb_stanza *user, struct asb_kubeconfig *out,
			 struct asb_error *err)
{
	char *token = NULL;
	/* A certificate doesn't keep a token from being sent as well. */
	bool wanted = out->token == NULL && out->username == NULL;

	if (asb_credential_oidc(user, wanted ? asb_wall_ms() : -1, &token, err) != 0)
		return -1;
	if (wanted) {
		out->token = token;
		out->kind = "oidc token";
	} else {
		asb_free_secret(token);
	}
	return 0;
}

int asb_credential_take(const struct asb_stanza *user, const struct asb_stanza *cluster,
			const struct asb_kubeconfig_flags *flags, struct asb_kubeconfig *out,
			struct asb_error *err)
{
	bool plugin = asb_stanza_has(user, "exec");

	if (plugin && asb_stanza_has(user, "auth-provider"))
		return asb_fail(err,
				"authProvider cannot be provided in combination with an exec "
				"plugin for %s",
				user->name);
	return plugin ? take_plugin(user, cluster, flags, out, err) : take_provider(user, out, err);
}

char *asb_credential_name(const struct asb_credential *credential)
{
	return credential == NULL ? NULL : asb_credential_cache_name(&credential->plugin);
}

void asb_credential_free(struct asb_credential *credential)
{
	if (credential == NULL)
		return;
	asb_credential_plugin_release(&credential->plugin);
	asb_credential_parts_release(&credential->now);
	free(credential->cache_path);
	free(credential);
}

/* --- handing out ------------------------------------------------------------------------------ */

static bool valid(const struct asb_credential *credential)
{
	int64_t expires_ms = credential->now.expires_ms;

	return credential->generation > 0 &&
	       (expires_ms < 0 || asb_wall_ms() + LEEWAY_MS < expires_ms);
}

static void accept_parts(struct asb_credential *credential, struct asb_credential_parts *parts)
{
	asb_credential_parts_release(&credential->now);
	credential->now = *parts;
	credential->generation++;
}

static int run(struct asb_credential *credential, struct asb_error *err)
{
	const struct asb_credential_plugin *plugin = &credential->plugin;
	struct asb_buffer text = ASB_BUFFER_INIT;
	struct asb_credential_parts parts = {0};
	bool interactive = false;
	int rc;

	rc = asb_credential_interactive(plugin, &interactive, err);
	if (rc == 0)
		rc = asb_credential_run(plugin, interactive, &text, err);
	if (rc == 0) {
		rc = asb_credential_answer(text.data, text.length, plugin->api_version, &parts,
					   err);
		if (rc != 0)
			asb_wrap(err, "exec plugin %s", plugin->command);
	}
	asb_buffer_release_secret(&text);
	if (rc != 0)
		return asb_wrap(err, "getting credentials");
	accept_parts(credential, &parts);
	if (credential->cache_path != NULL && !interactive)
		asb_credential_cache_write(credential->cache_path, &credential->now);
	return 0;
}

int asb_credential_ensure(struct asb_credential *credential, struct asb_error *err)
{
	struct asb_credential_parts parts = {0};

	if (valid(credential))
		return 0;
	if (credential->cache_path != NULL &&
	    asb_credential_cache_read(credential->cache_path, &parts)) {
		accept_parts(credential, &parts);
		return 0;
	}
	return run(credential, err);
}

int asb_credential_renew(struct asb_credential *credential, unsigned generation,
			 struct asb_error *err)
{
	if (generation != credential->generation)
		return 0;
	if (credential->cache_path != NULL)
		unlink(credential->cache_path);
	return run(credential, err);
}

unsigned asb_credential_generation(const struct asb_credential *credential)
{
	return credential->generation;
}

const struct asb_credential_parts *asb_credential_now(const struct asb_credential *credential)
{
	return &credential->now;
}
