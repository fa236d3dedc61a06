/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON, written as it goes: values only, the caller writes the punctuation.  JSON has no NaN and no infinity: they are
   strings.  */

#ifndef JSON_H
#define JSON_H

#include <stdio.h>

void json_number(FILE *to, double x);                   /* the shortest decimal that reads back as x; "nan", "inf", "-inf" */
void json_text(FILE *to, const char *text);             /* quoted and escaped; null for NULL */
void json_member(FILE *to, const char *name, double x); /* "name":x, without a comma */

#endif
