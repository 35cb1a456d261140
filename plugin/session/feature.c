/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plugin/session/session_internal.h"

/* What we can, and may use once the shim has named it too. */
static const char *const features[] = {ASB_FEATURE_RESUME, ASB_FEATURE_PTY, ASB_FEATURE_DETACH};

#define FEATURES (sizeof(features) / sizeof(features[0]))

const char *asb_feature_name(unsigned i)
{
	return i < FEATURES ? features[i] : NULL;
}

unsigned asb_feature_bit(const struct asb_attr *attr)
{
	for (unsigned i = 0; i < FEATURES; i++) {
		if (attr->length == strlen(features[i]) &&
		    memcmp(attr->value, features[i], attr->length) == 0)
			return 1u << i;
	}
	return 0;
}

bool asb_session_offers(const struct asb_session *session, const char *feature)
{
	for (unsigned i = 0; i < FEATURES; i++) {
		if (strcmp(features[i], feature) == 0)
			return (session->features >> i & 1) != 0;
	}
	return false;
}
