/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spec.h"

#include <string.h>

#include "shim/limits.h"
#include "shim/memory.h"
#include "shim/protocol/frame.h"

static char *args[ASB_MAX_ARGS + 1] __attribute__((aligned(ASB_PAGE)));
static char *vars[ASB_MAX_ENV + 1] __attribute__((aligned(ASB_PAGE)));

/* What grows while the attributes are read. */
struct counts {
	size_t args;
	size_t vars;
};

/*
 * A string on the wire has no terminator, and the next attribute follows at once. Its own header of
 * 6 bytes, already read, makes the room: the string moves down by one. NULL when it holds a NUL.
 */
static char *text_of(uint8_t *value, size_t n)
{
	char *text = (char *)value - 1;

	if (n > 0 && memchr(value, '\0', n) != NULL)
		return NULL;
	memmove(text, value, n);
	text[n] = '\0';
	return text;
}

static const char *add_arg(struct asb_spec *spec, struct counts *count, char *text)
{
	if (text == NULL)
		return "an argument holds a NUL byte";
	if (count->args == ASB_MAX_ARGS)
		return "too many arguments";
	args[count->args++] = text;
	spec->argv = args;
	return NULL;
}

/* Replaces the variable of the same name or appends. */
static const char *add_var(struct counts *count, char *text)
{
	const char *equals = text == NULL ? NULL : strchr(text, '=');
	size_t name;

	if (equals == NULL || equals == text)
		return "an environment variable is not NAME=value";
	name = (size_t)(equals - text) + 1;
	for (size_t i = 0; i < count->vars; i++) {
		if (strncmp(vars[i], text, name) == 0) {
			vars[i] = text;
			return NULL;
		}
	}
	if (count->vars == ASB_MAX_ENV)
		return "too many environment variables";
	vars[count->vars++] = text;
	return NULL;
}

static const char *set_cwd(struct asb_spec *spec, char *text)
{
	spec->cwd = text;
	if (text == NULL || text[0] == '\0')
		return "the working directory is empty or holds a NUL byte";
	return NULL;
}

static const char *number(const struct asb_attr *attr, uint64_t max, uint64_t *out)
{
	/* No width gives both answers, so a difference means that the width is not one of an
	 * integer's. */
	if (asb_attr_uint(attr, 0) != asb_attr_uint(attr, 1))
		return "an integer has a wrong length";
	*out = asb_attr_uint(attr, 0);
	return *out > max ? "an integer is out of range" : NULL;
}

static const char *set_size(const struct asb_attr *attr, struct asb_spec *spec)
{
	if (attr->length != 4)
		return "the size of the terminal has a wrong length";
	if (asb_get16(attr->value) > 0)
		spec->size.rows = asb_get16(attr->value);
	if (asb_get16(attr->value + 2) > 0)
		spec->size.columns = asb_get16(attr->value + 2);
	return NULL;
}

static const char *set_number(const struct asb_attr *attr, struct asb_spec *spec)
{
	uint64_t value = 0;
	const char *wrong;

	switch (attr->tag) {
	case ASB_SPEC_STDIN:
		wrong = number(attr, 1, &value);
		spec->has_stdin = value == 1;
		return wrong;
	case ASB_SPEC_PTY:
		wrong = number(attr, 1, &value);
		spec->has_pty = value == 1;
		return wrong;
	case ASB_SPEC_DETACH:
		wrong = number(attr, 1, &value);
		spec->detached = value == 1;
		return wrong;
	case ASB_SPEC_OVERFLOW:
		wrong = number(attr, ASB_OVERFLOW_DROP, &value);
		spec->drops = value == ASB_OVERFLOW_DROP;
		return wrong;
	case ASB_SPEC_KEEP_MS:
		return number(attr, UINT64_MAX, &spec->keep_ms);
	case ASB_SPEC_TIMEOUT_MS:
		return number(attr, UINT64_MAX, &spec->timeout_ms);
	case ASB_SPEC_GRACE_MS:
		wrong = number(attr, UINT32_MAX, &value);
		spec->grace_ms = (uint32_t)value;
		return wrong;
	case ASB_SPEC_STDOUT_LIMIT:
		return number(attr, UINT64_MAX, &spec->stdout_limit);
	case ASB_SPEC_STDERR_LIMIT:
		return number(attr, UINT64_MAX, &spec->stderr_limit);
	default:
		return NULL; /* a tag of a later version */
	}
}

static const char *take(const struct asb_attr *attr, uint8_t *value, struct asb_spec *spec,
			struct counts *count)
{
	switch (attr->tag) {
	case ASB_SPEC_ARG:
		return add_arg(spec, count, text_of(value, attr->length));
	case ASB_SPEC_LINE:
		spec->line = text_of(value, attr->length);
		return spec->line == NULL ? "the command line holds a NUL byte" : NULL;
	case ASB_SPEC_ENV:
		return add_var(count, text_of(value, attr->length));
	case ASB_SPEC_CWD:
		return set_cwd(spec, text_of(value, attr->length));
	case ASB_SPEC_SIZE:
		return set_size(attr, spec);
	default:
		return set_number(attr, spec);
	}
}

static void add_base(struct counts *count, char **base)
{
	for (; *base != NULL && count->vars < ASB_MAX_ENV / 2; base++) {
		if (strchr(*base, '=') != NULL)
			vars[count->vars++] = *base;
	}
}

const char *asb_spec_parse(uint8_t *bytes, size_t n, char **base, struct asb_spec *out)
{
	struct counts count = {0};
	struct asb_attr attr;
	size_t at = 0;
	int more;

	*out = (struct asb_spec){.size = {.rows = 24, .columns = 80},
				 .grace_ms = ASB_GRACE_MS,
				 .stdout_limit = ASB_OUTPUT_LIMIT,
				 .stderr_limit = ASB_OUTPUT_LIMIT,
				 .keep_ms = ASB_KEEP_MS};
	add_base(&count, base);
	for (more = asb_attr_next(bytes, n, &at, &attr); more > 0;
	     more = asb_attr_next(bytes, n, &at, &attr)) {
		const char *wrong = take(&attr, bytes + at - attr.length, out, &count);

		if (wrong != NULL)
			return wrong;
	}
	if (more < 0)
		return "an attribute is cut off";
	if ((out->argv == NULL) == (out->line == NULL))
		return "a job needs either arguments or a command line";
	if (out->argv != NULL && out->argv[0][0] == '\0')
		return "the program's name is empty";
	args[count.args] = NULL;
	vars[count.vars] = NULL;
	out->argc = count.args;
	out->envp = vars;
	return NULL;
}

void asb_spec_forget(void)
{
	asb_memory_give_back(args, sizeof(args));
	asb_memory_give_back(vars, sizeof(vars));
}
