/* SPDX-License-Identifier: BSD-2-Clause */
/* problem + options -> an immutable plan.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
# include <omp.h>
#endif

#include "internal.h"
#include "kernel/codes.h"

double sga_round(const segattn_plan *plan, double x) {
  return plan->number == SEGATTN_F32 ? (double)(float)x : x;
}

static size_t padded(size_t dim, size_t to) {
  return (dim + to - 1) / to * to;
}

#define THREAD_WORK ((size_t)1 << 22)           /* less is done before another thread has woken up */

static int default_threads(void) {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/* A copy of n doubles, or NULL for NULL; false when out of memory.  */
static bool copy(const double **to, const double *from, size_t n) {
  double *p = NULL;
  if (from) {
    if (!(p = malloc(n * sizeof *p)))
      return false;
    memcpy(p, from, n * sizeof *p);
  }
  *to = p;
  return true;
}

/* Rule 1: c = scale log2 e, in double and rounded once to the arithmetic's type.  */
static void resolve(segattn_plan *plan, const segattn_options *o) {
  segattn_problem *p = &plan->problem;
  sga_environment environment;
  sga_environment_set(&environment);
  if (p->scale == SEGATTN_SCALE_DEFAULT)
    p->scale = 1 / sqrt((double)p->dim_k);
  plan->number = plan->kernel->size == sizeof(float) ? SEGATTN_F32 : SEGATTN_F64;
  plan->score.scale_log2e = sga_round(plan, p->scale * SGA_LOG2E);
  if (p->softcap > 0) {
    plan->score.cap_log2e = p->softcap * SGA_LOG2E;
    plan->score.scale_over_cap = p->scale / p->softcap;
  }
  sga_environment_restore(&environment);
  plan->group = p->q_heads / p->kv_heads;
  plan->pad_k = padded(p->dim_k, plan->kernel->coder ? SGA_CODES : SGA_PAD);
  plan->pad_v = padded(p->dim_v, SGA_PAD);
  plan->width = sga_width(plan->kernel->parts, plan->pad_v);
  plan->keys = o->keys;
  plan->thread_work = o->thread_work ? o->thread_work : THREAD_WORK;
  plan->threads = o->threads ? o->threads : default_threads();
}

segattn_status segattn_plan_alloc(segattn_plan **plan, const segattn_problem *problem, const segattn_options *options,
                                  segattn_error *error) {
  const segattn_options o = options ? *options : (segattn_options){ 0 };
  if (!plan || !problem)
    return sga_fail(error, SEGATTN_EINVAL, plan ? "problem" : "plan", "is NULL");
  segattn_status status = sga_problem_check(problem, error);
  if (status)
    return status;
  if (o.threads < 0 || o.threads > 4096)
    return sga_fail(error, SEGATTN_EINVAL, "options.threads", "is %d, expected 0 (default) to 4096", o.threads);
  segattn_error unknown = { SEGATTN_OK, "", "" };
  const sga_kernel *kernel = sga_kernel_find(o.arithmetic ? o.arithmetic : "f32", o.isa, &unknown);
  if (!kernel) {
    if (error)
      *error = unknown;
    return unknown.code;
  }
  segattn_plan *p = calloc(1, sizeof *p);
  if (!p)
    return sga_fail(error, SEGATTN_ENOMEM, "plan", "cannot have its memory");
  p->problem = *problem;
  p->problem.slopes = p->problem.sinks = NULL;
  p->kernel = kernel;
  if (!copy(&p->problem.slopes, problem->slopes, problem->q_heads) ||
      !copy(&p->problem.sinks, problem->sinks, problem->q_heads)) {
    segattn_plan_free(p);
    return sga_fail(error, SEGATTN_ENOMEM, "plan", "cannot have its memory");
  }
  resolve(p, &o);
  *plan = p;
  return SEGATTN_OK;
}

void segattn_plan_free(segattn_plan *plan) {
  if (plan) {
    free((void *)plan->problem.slopes);
    free((void *)plan->problem.sinks);
    free(plan);
  }
}

const char *segattn_plan_isa(const segattn_plan *plan) { return plan->kernel->isa; }
const char *segattn_plan_arithmetic(const segattn_plan *plan) { return plan->kernel->arithmetic; }
int segattn_plan_threads(const segattn_plan *plan) { return plan->threads; }
double segattn_plan_scale(const segattn_plan *plan) { return plan->problem.scale; }
