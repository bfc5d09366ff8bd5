/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A bounded pull parser for the XML that gateways send: elements of any namespace prefix, text,
 * CDATA, comments, the five entities, numeric references. No DTD is read: a document with internal
 * declarations of entities is refused. The input may be a part: MORE then, so that an answer
 * without a length is complete when its root element closes.
 */
#ifndef PLUM_TEXT_XML_H
#define PLUM_TEXT_XML_H

#include "text/reader.h"

#define PLUM_XML_DEPTH 32

typedef enum {
    PLUM_XML_BROKEN = -1, /* not XML, too deep, or beyond what is read; stays so */
    PLUM_XML_MORE = 0,    /* the input ends in the middle */
    PLUM_XML_START,       /* name */
    PLUM_XML_END,         /* name of the element that closes; also for <empty/> */
    PLUM_XML_TEXT,        /* raw: see plum_xml_decode(); white space alone is not told */
    PLUM_XML_DONE         /* the root element has closed; what follows is not looked at */
} plum_xml_event;

typedef struct {
    plum_span name; /* without prefix */
    plum_span text; /* TEXT: as it stands there */
    bool is_cdata;  /* TEXT: nothing in it is to be decoded */
    unsigned depth; /* elements open: 1 at the START of the root */
    /* private */
    plum_reader in;
    plum_span open[PLUM_XML_DEPTH];
    bool begun, closing, done, broken;
} plum_xml;

void plum_xml_init(plum_xml *x, plum_span document);
plum_xml_event plum_xml_next(plum_xml *x);

/*
 * The text of an event with entities and references resolved, as UTF-8, white space at both ends
 * removed, appended at out[*size] and NUL-terminated. An unknown entity stays as written. False: no
 * room (what fits is there).
 */
bool plum_xml_decode(const plum_xml *x, char *out, size_t room, size_t *size);

#endif
