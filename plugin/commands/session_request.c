/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/session_request.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/base/options.h"
#include "plugin/base/utf8.h"

#define LARGEST_ID 9007199254740991.0 /* up to which every integer of JSON is exact */
#define LONGEST_S (100.0 * 365 * 24 * 3600)

/* --- members ---------------------------------------------------------------------------------- */

static const cJSON *member(const struct asb_request *request, const char *name)
{
	return asb_json_member(request->json, name);
}

static int wrong(struct asb_error *err, const char *name, const char *what)
{
	return asb_fail(err, "\"%s\" is not %s", name, what);
}

/* *text stays when the member is not there. */
static int take_string(const struct asb_request *request, const char *name, const char **text,
		       struct asb_error *err)
{
	const cJSON *json = member(request, name);

	if (json == NULL)
		return 0;
	if (!cJSON_IsString(json))
		return wrong(err, name, "a string");
	*text = json->valuestring;
	return 0;
}

static int take_bool(const struct asb_request *request, const char *name, bool *value,
		     struct asb_error *err)
{
	const cJSON *json = member(request, name);

	if (json == NULL)
		return 0;
	if (!cJSON_IsBool(json))
		return wrong(err, name, "true or false");
	*value = cJSON_IsTrue(json);
	return 0;
}

/* Members that are there must be among those that make sense together. */
static int check_members(const struct asb_request *request, const char *const *known,
			 const char *what, struct asb_error *err)
{
	const cJSON *json;

	cJSON_ArrayForEach(json, request->json)
	{
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], json->string) != 0)
			i++;
		if (known[i] == NULL)
			return asb_fail(err, "%s takes no member \"%s\"", what, json->string);
		if (asb_json_member(request->json, json->string) != json)
			return asb_fail(err, "the member \"%s\" is there twice", json->string);
	}
	return 0;
}

/* --- what every line has ---------------------------------------------------------------------- */

/* cJSON ends a string there without a word. */
static bool holds_nul(const char *line, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (line[i] != '\\')
			continue;
		if (n - i >= 6 && memcmp(line + i, "\\u0000", 6) == 0)
			return true;
		i++;
	}
	return false;
}

static int parse(struct asb_request *request, const char *line, size_t n, struct asb_error *err)
{
	if (!asb_utf8_valid(line, n))
		return asb_fail(err, "not valid UTF-8");
	if (holds_nul(line, n))
		return asb_fail(err, "\\u0000 can't be sent in a text: use stdinBase64");
	request->json = asb_json_parse(line, n, err);
	if (request->json == NULL)
		return -1;
	return cJSON_IsObject(request->json) ? 0 : asb_fail(err, "not a JSON object");
}

static bool is_integer(const cJSON *json)
{
	double number = json->valuedouble;

	return cJSON_IsNumber(json) && number >= -LARGEST_ID && number <= LARGEST_ID &&
	       (double)(int64_t)number == number;
}

/* Kept as the text that JSON has for it: so it is told apart and given back. */
static int take_id(struct asb_request *request, struct asb_error *err)
{
	const cJSON *json = member(request, "id");

	if (json == NULL)
		return asb_fail(err, "the member \"id\" is missing");
	if (!cJSON_IsString(json) && !is_integer(json))
		return wrong(err, "id", "a string or an integer");
	request->id = asb_json_print(json);
	return 0;
}

/* --- stdin ------------------------------------------------------------------------------------ */

static int take_input(struct asb_request *request, struct asb_error *err)
{
	const char *text = NULL;
	const char *base64 = NULL;

	if (take_string(request, "stdin", &text, err) != 0 ||
	    take_string(request, "stdinBase64", &base64, err) != 0 ||
	    take_bool(request, "stdinOpen", &request->input_open, err) != 0)
		return -1;
	if (text != NULL && base64 != NULL)
		return asb_fail(err, "\"stdin\" and \"stdinBase64\" exclude each other");
	if (text != NULL)
		asb_buffer_addstr(&request->input, text);
	if (base64 != NULL && asb_base64_decode(base64, &request->input) != 0)
		return wrong(err, "stdinBase64", "base64");
	return 0;
}

/* --- a command -------------------------------------------------------------------------------- */

static int take_argv(struct asb_request *request, struct asb_error *err)
{
	const cJSON *json = member(request, "argv");
	const cJSON *word;
	size_t n = 0;

	if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) == 0)
		return wrong(err, "argv", "an array of strings, the program first");
	request->argv = asb_calloc((size_t)cJSON_GetArraySize(json) + 1, sizeof(*request->argv));
	cJSON_ArrayForEach(word, json)
	{
		if (!cJSON_IsString(word))
			return wrong(err, "argv", "an array of strings, the program first");
		request->argv[n++] = word->valuestring;
	}
	if (request->argv[0][0] == '\0')
		return asb_fail(err, "the program of \"argv\" is empty");
	request->job.argv = request->argv;
	return 0;
}

static int take_command(struct asb_request *request, struct asb_error *err)
{
	if (member(request, "argv") != NULL && member(request, "line") != NULL)
		return asb_fail(err, "\"argv\" and \"line\" exclude each other");
	if (member(request, "argv") != NULL)
		return take_argv(request, err);
	if (take_string(request, "line", &request->job.line, err) != 0)
		return -1;
	if (request->job.line[0] == '\0')
		return asb_fail(err, "\"line\" is empty");
	return 0;
}

static int take_env(struct asb_request *request, struct asb_error *err)
{
	const cJSON *json = member(request, "env");
	const cJSON *variable;
	size_t n = 0;

	if (json == NULL)
		return 0;
	if (!cJSON_IsObject(json))
		return wrong(err, "env", "an object of strings");
	request->env_texts =
		asb_calloc((size_t)cJSON_GetArraySize(json) + 1, sizeof(*request->env_texts));
	cJSON_ArrayForEach(variable, json)
	{
		if (!cJSON_IsString(variable))
			return wrong(err, "env", "an object of strings");
		if (variable->string[0] == '\0' || strchr(variable->string, '=') != NULL)
			return asb_fail(err, "\"%s\" can't be the name of a variable",
					variable->string);
		request->env_texts[n++] =
			asb_strf("%s=%s", variable->string, variable->valuestring);
	}
	request->job.env = (const char *const *)request->env_texts;
	return 0;
}

static int take_timeout(struct asb_request *request, struct asb_error *err)
{
	const cJSON *json = member(request, "timeout");
	int64_t ms = -1;

	if (json == NULL)
		return 0;
	if (cJSON_IsString(json))
		ms = asb_duration_parse(json->valuestring);
	else if (cJSON_IsNumber(json) && json->valuedouble >= 0 && json->valuedouble <= LONGEST_S)
		ms = (int64_t)(json->valuedouble * 1000 + 0.999);
	if (ms < 0)
		return wrong(err, "timeout", "a duration such as \"90s\", or a number of seconds");
	request->job.timeout_ms = ms;
	return 0;
}

static int take_start(struct asb_request *request, struct asb_error *err)
{
	static const char *const known[] = {"id",    "argv",	    "line",	 "env",	    "cwd",
					    "stdin", "stdinBase64", "stdinOpen", "timeout", NULL};

	request->kind = ASB_REQUEST_START;
	if (check_members(request, known, "a command", err) != 0 ||
	    take_command(request, err) != 0 || take_env(request, err) != 0 ||
	    take_string(request, "cwd", &request->job.cwd, err) != 0 ||
	    take_timeout(request, err) != 0 || take_input(request, err) != 0)
		return -1;
	if (request->job.cwd != NULL && request->job.cwd[0] != '/')
		return wrong(err, "cwd", "absolute");
	request->job.has_stdin = request->input_open || member(request, "stdin") != NULL ||
				 member(request, "stdinBase64") != NULL;
	return 0;
}

/* --- for a command that was sent before ------------------------------------------------------- */

const char *asb_request_signal(const char *name)
{
	/* The same numbers or not, these have the same names on every Linux. */
	static const char *const signals[] = {
		"HUP",	"INT",	"QUIT", "ILL",	"TRAP",	  "ABRT",  "BUS",  "FPE",
		"KILL", "USR1", "SEGV", "USR2", "PIPE",	  "ALRM",  "TERM", "CHLD",
		"CONT", "STOP", "TSTP", "TTIN", "TTOU",	  "URG",   "XCPU", "XFSZ",
		"PROF", "IO",	"PWR",	"SYS",	"VTALRM", "WINCH", NULL};

	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; signals[i] != NULL; i++)
		if (strcmp(signals[i], name) == 0)
			return signals[i];
	return NULL;
}

static int take_signal(struct asb_request *request, struct asb_error *err)
{
	static const char *const known[] = {"id", "signal", NULL};
	const char *name = "";

	request->kind = ASB_REQUEST_SIGNAL;
	if (check_members(request, known, "a signal", err) != 0 ||
	    take_string(request, "signal", &name, err) != 0)
		return -1;
	request->signal = asb_request_signal(name);
	if (request->signal != NULL)
		return 0;
	return wrong(err, "signal", "the name of a signal, such as \"INT\"");
}

static int take_stdin(struct asb_request *request, struct asb_error *err)
{
	static const char *const known[] = {"id", "stdin", "stdinBase64", "stdinOpen", NULL};

	request->kind = ASB_REQUEST_STDIN;
	request->input_open = true;
	if (check_members(request, known, "a line with neither \"argv\" nor \"line\"", err) != 0)
		return -1;
	if (cJSON_GetArraySize(request->json) < 2)
		return asb_fail(err, "there is nothing to do: \"argv\", \"line\", \"signal\", "
				     "\"stdin\", \"stdinBase64\" and \"stdinOpen\" are missing");
	return take_input(request, err);
}

int asb_request_init(struct asb_request *request, const char *line, size_t n, struct asb_error *err)
{
	*request = (struct asb_request){0};
	asb_buffer_init(&request->input);
	if (parse(request, line, n, err) != 0 || take_id(request, err) != 0)
		return -1;
	if (member(request, "argv") != NULL || member(request, "line") != NULL)
		return take_start(request, err);
	return member(request, "signal") != NULL ? take_signal(request, err)
						 : take_stdin(request, err);
}

void asb_request_release(struct asb_request *request)
{
	for (size_t i = 0; request->env_texts != NULL && request->env_texts[i] != NULL; i++)
		free(request->env_texts[i]);
	free(request->env_texts);
	free(request->argv);
	asb_buffer_release(&request->input);
	free(request->id);
	cJSON_Delete(request->json);
	*request = (struct asb_request){0};
	asb_buffer_init(&request->input);
}
