/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_file.h - a warm pool from manifests of the user's own.
 *
 * Understood is one SandboxWarmPool, of whatever API group and version, in upstream's form
 * (replicas, sandboxTemplateRef, updateStrategy; its SandboxTemplate in the same file) or with an
 * inline template, minSize and maxSize. The documents may be parted by "---" or stand in a List.
 * What the plugin would not use is an error that names the line: unknown keys, other kinds, a
 * second container without a "main" among them. What is written otherwise than the file says is
 * told in notes.
 */
#ifndef ASB_POOL_FILE_H
#define ASB_POOL_FILE_H

#include "plugin/base/yaml.h"
#include "plugin/sandbox/pool.h"

struct asb_pool_file {	  /* owned */
	const char *path; /* borrowed: for messages */
	cJSON *documents;
	struct asb_yaml_lines lines;
	struct asb_error *err; /* borrowed */
	const cJSON *pool;     /* of the documents, borrowed; so are the next three */
	const cJSON *template;
	const char *name;
	const cJSON *update_strategy;
	int64_t size, most; /* -1: it doesn't say */
	cJSON *base;	    /* metadata and spec of the template, as the user wrote it */
	cJSON *notes;	    /* array of texts: what was made of it */
};

/* Reads text of n bytes. Usage errors name path and line; they are set in err, by the calls below
 * too. Release in any case. */
int asb_pool_file_parse(struct asb_pool_file *file, const char *text, size_t n, const char *path,
			struct asb_error *err);
void asb_pool_file_release(struct asb_pool_file *file);

/*
 * What only the API server knows: fields below podTemplate that there are none of. Asks for a
 * creation of the template as the user wrote it that is not carried out (dryRun, fieldValidation
 * Strict). Who may not create templates is told when it is done.
 */
int asb_pool_file_check(const struct asb_pool_file *file, struct asb_http *http,
			const struct asb_api *api, const char *namespace_);

/* Takes the template into the form that the plugin needs: container "main" without a command, and
 * notes about it. After asb_pool_file_check. */
int asb_pool_file_adapt(struct asb_pool_file *file, const struct asb_api *api);

#endif
