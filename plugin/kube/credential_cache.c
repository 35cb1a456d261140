/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_cache.c - a file for each plugin, cluster, user and environment. Written whole and
 * renamed into place; read only when it is ours alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "plugin/kube/credential_parts.h"

#include "plugin/base/clock.h"

extern char **environ;

#define PREFIX "credential-"
#define SIZE_LIMIT (1u << 20)
#define LONGEST_S (24 * 3600) /* an entry that was written before that goes */
#define SHORTEST_MS 60000     /* less than that isn't worth a file, nor is it taken from one */

/* Where it differs from one call to the next and tells a plugin nothing of whom to be. What isn't
 * named here makes another entry, which is slower and never wrong. */
static bool is_volatile(const char *item)
{
	static const char *const names[] = {
		"_",	     "PWD",	     "OLDPWD",	       "SHLVL", "TERM",
		"COLUMNS",   "LINES",	     "WINDOWID",       "TMUX",	"TMUX_PANE",
		"SSH_TTY",   "SSH_CLIENT",   "SSH_CONNECTION", "STY",	"DISPLAY",
		"COLORTERM", "KUBECTL_PATH",
	};
	size_t n = strcspn(item, "=");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(item, names[i], n) == 0 && names[i][n] == '\0')
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_environment(EVP_MD_CTX *hash)
{
	size_t count = 0;
	char **sorted;

	while (environ[count] != NULL)
		count++;
	sorted = asb_malloc((count + 1) * sizeof(*sorted));
	memcpy(sorted, environ, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++) {
		if (!is_volatile(sorted[i]))
			EVP_DigestUpdate(hash, sorted[i], strlen(sorted[i]) + 1);
	}
	free(sorted);
}

char *asb_credential_cache_name(const struct asb_credential_plugin *plugin)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	uid_t uid = geteuid();
	struct asb_buffer name = ASB_BUFFER_INIT;

	if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		asb_out_of_memory();
	EVP_DigestUpdate(hash, &uid, sizeof(uid));
	EVP_DigestUpdate(hash, plugin->fingerprint, strlen(plugin->fingerprint) + 1);
	add_environment(hash);
	EVP_DigestFinal_ex(hash, digest, &n);
	EVP_MD_CTX_free(hash);
	asb_buffer_addstr(&name, PREFIX);
	for (unsigned i = 0; i < n; i++)
		asb_buffer_addf(&name, "%02x", digest[i]);
	return asb_buffer_steal(&name);
}

char *asb_credential_cache_path(const struct asb_credential_plugin *plugin)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	ASB_TEXT name = asb_credential_cache_name(plugin);

	if (base != NULL && base[0] == '/')
		return asb_strf("%s/kubectl-agentsandbox/%s", base, name);
	if (home != NULL && home[0] == '/')
		return asb_strf("%s/.cache/kubectl-agentsandbox/%s", home, name);
	return NULL;
}

static bool ours(const struct stat *status, mode_t type)
{
	return (status->st_mode & S_IFMT) == type && status->st_uid == geteuid() &&
	       (status->st_mode & 077) == 0;
}

static int read_all(int fd, struct asb_buffer *out)
{
	char chunk[4096];
	ssize_t n;
	int rc = 0;

	out->limit = SIZE_LIMIT;
	do {
		n = read(fd, chunk, sizeof(chunk));
		if (n > 0)
			rc = asb_buffer_add(out, chunk, (size_t)n);
	} while (rc == 0 && (n > 0 || (n < 0 && errno == EINTR)));
	asb_wipe(chunk, sizeof(chunk));
	return n < 0 ? -1 : rc;
}

bool asb_credential_cache_read(const char *path, struct asb_credential_parts *parts)
{
	struct asb_error ignored = ASB_ERROR_INIT;
	struct asb_buffer text = ASB_BUFFER_INIT;
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool found;

	if (fd < 0)
		return false;
	found = fstat(fd, &status) == 0 && ours(&status, S_IFREG) && read_all(fd, &text) == 0 &&
		asb_credential_answer(text.data, text.length, "cache/v1", parts, &ignored) == 0;
	close(fd);
	asb_buffer_release_secret(&text);
	if (found && parts->expires_ms > asb_wall_ms() + SHORTEST_MS)
		return true;
	if (found)
		asb_credential_parts_release(parts);
	return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

static char *text_of(const struct asb_credential_parts *parts)
{
	cJSON *root = cJSON_CreateObject();
	time_t seconds = parts->expires_ms / 1000;
	char expiry[32];
	struct tm tm;
	char *text;

	gmtime_r(&seconds, &tm);
	strftime(expiry, sizeof(expiry), "%Y-%m-%dT%H:%M:%SZ", &tm);
	asb_json_set_string(root, "kind", "ExecCredential");
	asb_json_set_string(root, "apiVersion", "cache/v1");
	asb_json_set_string(root, "status/expirationTimestamp", expiry);
	asb_json_set_string(root, "status/token", parts->token);
	asb_json_set_string(root, "status/clientCertificateData", parts->certificate);
	asb_json_set_string(root, "status/clientKeyData", parts->key);
	text = asb_json_print(root);
	asb_kubeconfig_tree_free(root);
	return text;
}

/* Nothing of what has expired long ago stays: an entry whose environment is no more would for ever.
 */
static void sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry = dir == NULL ? NULL : readdir(dir);
	time_t now = time(NULL);
	struct stat status;

	for (; entry != NULL; entry = readdir(dir)) {
		ASB_TEXT path = asb_strf("%s/%s", folder, entry->d_name);

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    lstat(path, &status) == 0 && status.st_mtime + LONGEST_S < now)
			unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
}

/* The folder of `path` is there and ours alone; its parent must be there or makeable. */
static bool make_folder(const char *path)
{
	ASB_TEXT folder = asb_strndup(path, (size_t)(strrchr(path, '/') - path));
	ASB_TEXT parent = asb_strndup(folder, (size_t)(strrchr(folder, '/') - folder));
	struct stat status;

	mkdir(parent, 0700);
	mkdir(folder, 0700);
	if (lstat(folder, &status) != 0 || !ours(&status, S_IFDIR))
		return false;
	sweep(folder);
	return true;
}

static bool write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

void asb_credential_cache_write(const char *path, const struct asb_credential_parts *parts)
{
	ASB_TEXT temporary = asb_strf("%s.XXXXXX", path);
	char *text;
	bool written;
	int fd;

	if (parts->expires_ms < asb_wall_ms() + SHORTEST_MS || !make_folder(path))
		return;
	fd = mkstemp(temporary); /* of mode 0600 */
	if (fd < 0)
		return;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	text = text_of(parts);
	written = write_all(fd, text);
	asb_wipe(text, strlen(text));
	free(text);
	if (close(fd) != 0 || !written || rename(temporary, path) != 0)
		unlink(temporary);
}
