/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every error of every function in segattn.h: the status, the argument, a text that names value and expectation, and
   nothing changed.  Each row of the tables (robust_api_rows.h) spoils one thing of a valid call (fixture.h).  */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include "robust_api_rows.h"
#include "tap.h"

/* ---- the functions ---- */

typedef segattn_status tested(segattn_error *error);

static segattn_status plan_alloc(segattn_error *error) {
  segattn_plan *made = t.plan;
  if (t.environment)
    setenv("SEGATTN_ISA", t.environment, 1);
  segattn_status status = segattn_plan_alloc(t.no_plan ? NULL : &made, t.no_problem ? NULL : &t.f.problem, &t.f.options,
                                             error);
  unsetenv("SEGATTN_ISA");
  if (made != t.plan)
    ok(false, "the plan is left alone");
  return status;
}

static segattn_status state_alloc(segattn_error *error) {
  segattn_state *made = t.state;
  segattn_status status = segattn_state_alloc(t.no_state ? NULL : &made, t.no_plan ? NULL : t.plan, t.no_queries ? NULL
                                              : &t.f.queries,
                                              error);
  if (made != t.state)
    ok(false, "the state is left alone");
  return status;
}

static segattn_status absorb(segattn_error *error) {
  return segattn_state_absorb(t.no_state ? NULL : t.state, t.no_queries ? NULL : &t.f.queries, t.no_segment ? NULL
                              : &t.f.segment, error);
}

static segattn_status merge(segattn_error *error) {
  return segattn_state_merge(t.no_state ? NULL : t.state, t.no_other ? NULL : t.itself ? t.state : t.other, error);
}

static segattn_status finalise(segattn_error *error) {
  return segattn_state_finalise(t.no_state ? NULL : t.state, &t.f.out, &t.f.lse, error);
}

static segattn_status export(segattn_error *error) {
  return segattn_state_export(t.no_state ? NULL : t.state, &t.f.M, &t.f.S, &t.f.O, error);
}

static segattn_status export_pair(segattn_error *error) {
  return segattn_state_export_pair(t.no_state ? NULL : t.state, t.base, &t.f.out, &t.f.lse, error);
}

static segattn_status import(segattn_error *error) {
  return segattn_state_import(t.no_state ? NULL : t.state, t.no_range ? NULL : &t.range, &t.f.M, &t.f.S, &t.f.O, error);
}

static segattn_status import_pair(segattn_error *error) {
  return segattn_state_import_pair(t.no_state ? NULL : t.state, t.no_range ? NULL : &t.range, t.base, &t.f.out, &t.f.lse,
                                   error);
}

static segattn_status save(segattn_error *error) {
  return segattn_state_save(t.no_state ? NULL : t.state, NULL, t.no_saved ? NULL : t.saved, t.saved_size, error);
}

static segattn_status load(segattn_error *error) {
  return segattn_state_load(t.no_state ? NULL : t.state, NULL, t.no_saved ? NULL : t.saved, t.saved_size, error);
}

static segattn_status attend(segattn_error *error) {
  return segattn_attend(t.no_plan ? NULL : t.plan, t.no_queries ? NULL : &t.f.queries, t.no_segment ? NULL : &t.f.segment,
                        1, &t.f.out,
                        &t.f.lse, NULL, error);
}

static segattn_status bound(segattn_error *error) {
  return segattn_bound(t.no_plan ? NULL : t.plan, t.no_queries ? NULL : &t.f.queries, t.no_segment ? NULL : &t.f.segment, 1,
                       &t.f.bound,
                       &t.f.lse, error);
}

static const struct function {
  const char *name;
  tested *call;
  const bad *tables[5];
} functions[] = {
  { "plan_alloc", plan_alloc, { of_plan } },
  { "state_alloc", state_alloc, { of_queries, of_plan_given, of_state_given } },
  { "state_absorb", absorb, { of_queries, of_segment, of_absorb, of_state_given } },
  { "state_merge", merge, { of_merge } },
  { "state_finalise", finalise, { of_output, of_state_given } },
  { "state_export", export, { of_export, of_state_given } },
  { "state_export_pair", export_pair, { of_output, of_base, of_state_given } },
  { "state_import", import, { of_range, of_import, of_state_given } },
  { "state_import_pair", import_pair, { of_range, of_base, of_import_pair, of_state_given } },
  { "state_save", save, { of_saved, of_save, of_state_given } },
  { "state_load", load, { of_saved, of_load, of_state_given } },
  { "attend", attend, { of_queries, of_segment, of_output, of_alias, of_plan_given } },
  { "bound", bound, { of_queries, of_segment, of_bound, of_plan_given } },
};

/* ---- one row ---- */

static void make_state(const fixture *f, segattn_plan **p, segattn_state **state) {
  if (segattn_plan_alloc(p, &f->problem, &f->options, NULL) || segattn_state_alloc(state, *p, &f->queries, NULL))
    ok(false, "the plan and the state of the fixture are made");
}

static void set_up(const bad *row) {
  memset(&t, 0, sizeof t);
  fixture_init(&t.f);
  fixture_init(&t.other_f);
  make_state(&t.f, &t.plan, &t.state);
  if (segattn_state_absorb(t.state, &t.f.queries, &t.f.segment, NULL))
    ok(false, "the segment of the fixture is absorbed");
  t.f.segment.start = F_KEYS;
  t.range = (segattn_range) { .keys = F_KEYS };
  t.saved_size = segattn_state_size(t.state);
  if (segattn_state_save(t.state, NULL, t.saved, sizeof t.saved, NULL) ||
      segattn_state_export(t.state, &t.f.M, &t.f.S, &t.f.O, NULL))
    ok(false, "the state of the fixture is saved and exported");
  if (row)
    memcpy(row->field, row->value, row->size);
  make_state(&t.other_f, &t.other_plan, &t.other);
}

static void tear_down(void) {
  segattn_state_free(t.state);
  segattn_state_free(t.other);
  segattn_plan_free(t.plan);
  segattn_plan_free(t.other_plan);
}

static void fetch(double out[F_BATCH * F_HEADS * F_QUERIES * F_DV]) {
  segattn_tensor view = fixture_output(out, F_DV);
  segattn_state_finalise(t.state, &view, NULL, NULL);
}

static bool told(const segattn_error *e, const bad *row) {
  return e->code == row->status && !strncmp(e->argument, row->argument, strlen(row->argument)) &&
    !strncmp(e->text, e->argument, strlen(e->argument)) && strstr(e->text, row->says) && strstr(e->text, row->expects);
}

static void check(const struct function *f, const bad *row) {
  static fixture before;
  double state_before[F_BATCH * F_HEADS * F_QUERIES * F_DV], state_after[F_BATCH * F_HEADS * F_QUERIES * F_DV];
  segattn_error error = { 0 };
  set_up(row);
  fetch(state_before);
  before = t.f;
  segattn_status status = f->call(&error), silent = f->call(NULL);
  fetch(state_after);
  bool same = !memcmp(&before, &t.f, sizeof before) && !memcmp(state_before, state_after, sizeof state_before);
  if (!ok(status == row->status && silent == status && told(&error, row) && same, "%s: %s", f->name, row->name)) {
    diag("status %d (%d without an error), expected %d; %s", (int) status, (int) silent, (int) row->status, same
         ? "nothing changed" : "something changed");
    diag("argument '%s': '%s'; expected '%s', '%s', '%s'", error.argument, error.text, row->argument, row->says,
         row->expects);
  }
  tear_down();
}

/* ---- what is no error, and functions without a status ---- */

static void test_small(void) {
  segattn_format format = SEGATTN_F16;
  segattn_error error = { 0 };
  ok(segattn_format_find(&format, "f17", &error) == SEGATTN_EINVAL && format == SEGATTN_F16 && strstr(error.text, "f17") &&
     strstr(error.text, "bf16") && strstr(error.text, "q5_1 or iq4_nl"), "format_find: unknown name: %s", error.text);
  ok(segattn_format_find(&format, NULL, NULL) == SEGATTN_EINVAL, "format_find: NULL");
  ok(segattn_format_find(&format, "bf16", NULL) == SEGATTN_OK && format == SEGATTN_BF16, "format_find: bf16");
  ok(!segattn_format_name(SEGATTN_FORMATS) && !segattn_format_name((segattn_format) -1),
     "format_name: a number that is none");
  ok(!segattn_format_bytes(SEGATTN_FORMATS, 32) && !segattn_format_block((segattn_format) -1),
     "format_bytes, format_block: a number that is none");
  bool named = true;
  for (int i = -2; i < 12; i++)
    named &= segattn_strerror((segattn_status) i) != NULL;
  ok(named, "strerror is never NULL");
  ok(!segattn_isa_name(-1) && !segattn_isa_name(99) && !segattn_arithmetic_name(-1) && !segattn_arithmetic_name(99),
     "names past the end");
  static const char *const axes[] = { "bhp", "bhpdd", "bhpp", "bhpx", "", NULL };
  bool none = true;
  for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
    none &= segattn_tensor_axes(axes[i], t.f.q, SEGATTN_F64, 1, 1, 1, 1).data == NULL;
  ok(none, "tensor_axes: bad axes give no data");
  segattn_plan_free(NULL);
  segattn_state_free(NULL);
  ok(true, "freeing NULL");
}

/* An additive mask in booleans: what is below 0 is skipped, all else is attended.  */
static void test_bool(void) {
  static const double mask[] = { 0, -0.0, -INFINITY, 1, -0x1p-1074, INFINITY, -1, NAN };
  static const double expected[] = { 0, 0, -INFINITY, 0, -INFINITY, 0, -INFINITY, 0 };
  double back[8];
  unsigned char stored[9] = { [8] = 77 };
  segattn_encode(SEGATTN_BOOL, mask, stored, 8);
  segattn_decode(SEGATTN_BOOL, stored, back, 8);
  bool same = true;
  for (int i = 0; i < 8; i++)
    same &= stored[i] == (expected[i] < 0 ? 0 : 1) && !(back[i] < expected[i] || back[i] > expected[i]);
  ok(same && stored[8] == 77, "encode to bool, and back to 0 and -inf");
}

static void test_legal(void) {
  set_up(NULL);
  segattn_plan *p = NULL;
  ok(segattn_plan_alloc(&p, &t.f.problem, NULL, NULL) == SEGATTN_OK && !strcmp(segattn_plan_arithmetic(p), "f32"),
     "no options");
  segattn_plan_free(p);
  setenv("SEGATTN_ISA", "portable", 1);
  ok(segattn_plan_alloc(&p, &t.f.problem, NULL, NULL) == SEGATTN_OK && !strcmp(segattn_plan_isa(p), "portable"),
     "SEGATTN_ISA is obeyed");
  unsetenv("SEGATTN_ISA");
  segattn_plan_free(p);
  ok(segattn_state_finalise(t.state, NULL, NULL, NULL) == SEGATTN_OK, "finalise into nothing");
  ok(segattn_state_finalise(t.state, NULL, &t.f.lse, NULL) == SEGATTN_OK, "finalise without out");
  ok(segattn_state_export(t.state, NULL, &t.f.S, NULL, NULL) == SEGATTN_OK, "export of S alone");
  ok(segattn_attend(t.plan, &t.f.queries, &t.f.segment, 1, &t.f.out, NULL, NULL, NULL) == SEGATTN_OK, "attend without lse");
  ok(segattn_attend(t.plan, &t.f.queries, NULL, 0, &t.f.out, &t.f.lse, NULL, NULL) == SEGATTN_OK, "attend without segments");
  t.f.segment.v = t.f.segment.k;
  t.f.segment.v.shape[SEGATTN_DIM] = F_DV;
  ok(segattn_attend(t.plan, &t.f.queries, &t.f.segment, 1, &t.f.out, &t.f.lse, NULL, NULL) == SEGATTN_OK, "V a view of K");
  tear_down();
}

int main(void) {
  unsetenv("SEGATTN_ISA");
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    for (size_t k = 0; k < 5 && functions[i].tables[k]; k++)
      for (const bad *row = functions[i].tables[k]; row->name; row++)
        check(&functions[i], row);
  test_small();
  test_bool();
  test_legal();
  return done();
}
