/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of blocks: which accumulators a range of keys holds, and which are joined when.  Positions only; the numbers lie in
   slabs, and every function returns the joins that its caller does to them.

   A leaf is a block of SGA_BLOCK keys of the absolute grid, node (level, i) the join of (level - 1, 2i) and (level - 1, 2i +
   1). An empty node is the identity of a join, so a node whose sibling is known to be empty is its own parent ("promotion"):
   within [first, next), the blocks that this range has passed, what is not held is empty.  That keeps the number of nodes
   below 2 log2(blocks) whatever gaps the positions have.  Blocks between ranges that were merged without touching are not
   known to be empty: another merge may bring them, exactly.

   The root depends on the unmasked keys and their positions alone (BOUNDS, lemma 1).  */

#include <string.h>

#include "internal.h"

#define ORIGIN ((int64_t)1 << 62)       /* block 0 begins at position -2^62; a multiple of every node's size in use */

uint64_t sga_block_of(int64_t position) {
  return ((uint64_t)position + (uint64_t)ORIGIN) / SGA_BLOCK;
}

int64_t sga_block_start(uint64_t block) {
  return (int64_t)(block * SGA_BLOCK - (uint64_t)ORIGIN);
}

void sga_tree_reset(sga_tree *t) {              /* `node` is not read past n, `used` not past slabs */
  t->n = t->slabs = 0;
  t->inexact = 0;
  t->open = t->begun = false;
  t->block = t->first = t->next = 0;
  t->slab = 0;
  t->end = INT64_MIN;
}

void sga_tree_copy(sga_tree *to, const sga_tree *from) {
  memcpy(to, from, offsetof(sga_tree, node));
  memcpy(to->node, from->node, (size_t)from->n * sizeof *from->node);
  memcpy(to->used, from->used, (size_t)from->slabs * sizeof *from->used);
}

static int take(sga_tree *t) {
  int slab = 0;
  while (slab < t->slabs && t->used[slab])
    slab++;
  t->slabs = slab < t->slabs ? t->slabs : slab + 1;
  t->used[slab] = true;
  return slab;
}

static uint64_t node_first(sga_node a) { return a.index << a.level; }
static uint64_t node_next(sga_node a) { return (a.index + 1) << a.level; }
static bool overlap(sga_node a, sga_node b) { return node_first(a) < node_next(b) && node_first(b) < node_next(a); }

static void erase(sga_tree *t, int i) {
  memmove(t->node + i, t->node + i + 1, (size_t)(t->n - i - 1) * sizeof *t->node);
  t->n--;
}

static int insert(sga_tree *t, sga_node node) {
  int i = t->n;
  while (i > 0 && node_first(t->node[i - 1]) > node_first(node))
    i--;
  memmove(t->node + i + 1, t->node + i, (size_t)(t->n - i) * sizeof *t->node);
  t->node[i] = node;
  t->n++;
  return i;
}

/* node[i] <- node[i] + node[j], the one on the left keeps its slab.  Returns the index of what remains.  */
static int join_nodes(sga_tree *t, int i, int j, sga_join *join) {
  int left = i < j ? i : j, right = i < j ? j : i;
  *join = (sga_join){ t->node[left].slab, t->node[right].slab };
  t->used[join->right] = false;
  erase(t, right);
  return left;
}

/* Is the sibling of node i within [first, next), with nothing held in it?  */
static bool sibling_empty(const sga_tree *t, int i) {
  sga_node sibling = { t->node[i].index ^ 1, t->node[i].level, 0 };
  if (!t->begun || node_first(sibling) < t->first || node_next(sibling) > t->next)
    return false;
  return !(i > 0 && overlap(t->node[i - 1], sibling)) && !(i + 1 < t->n && overlap(t->node[i + 1], sibling));
}

static bool siblings(sga_node a, sga_node b) { return a.level == b.level && (a.index ^ b.index) == 1; }

/* Carries node i up as far as it goes: joins with a held sibling, promotion past an empty one.  */
static int carry(sga_tree *t, int i, sga_join *joins) {
  int n = 0;
  for (;;) {
    if (i > 0 && siblings(t->node[i - 1], t->node[i]))
      i = join_nodes(t, i - 1, i, &joins[n++]);
    else if (i + 1 < t->n && siblings(t->node[i], t->node[i + 1]))
      i = join_nodes(t, i, i + 1, &joins[n++]);
    else if (!sibling_empty(t, i))
      return n;
    t->node[i].level++;
    t->node[i].index >>= 1;
  }
}

/* Adds a node; where it overlaps with held ones the result is a join out of order: inexact.  */
static int put(sga_tree *t, sga_node node, sga_join *joins) {
  int n = 0, i = 0;
  while (i < t->n && !overlap(t->node[i], node))
    i++;
  if (i == t->n)
    return carry(t, insert(t, node), joins);
  t->inexact++;
  if (t->node[i].level >= node.level) {         /* inside, or the same */
    joins[n++] = (sga_join){ t->node[i].slab, node.slab };
    t->used[node.slab] = false;
    return n;
  }
  while (i < t->n && overlap(t->node[i], node)) {
    joins[n++] = (sga_join){ node.slab, t->node[i].slab };
    t->used[t->node[i].slab] = false;
    erase(t, i);
  }
  return n + carry(t, insert(t, node), joins + n);
}

int sga_tree_close(sga_tree *t, sga_join *joins) {
  if (!t->open)
    return 0;
  t->open = false;
  if (t->next < t->block + 1)
    t->next = t->block + 1;
  return put(t, (sga_node){ t->block, 0, t->slab }, joins);
}

/* Everything that may now rise does.  */
static int settle(sga_tree *t, sga_join *joins) {
  int n = 0;
  for (int i = t->n - 1; i >= 0; i--) {
    n += carry(t, i, joins + n);
    if (i > t->n)
      i = t->n;
  }
  return n;
}

int sga_tree_enter(sga_tree *t, uint64_t block, sga_join *joins, bool *fresh) {
  *fresh = !(t->open && t->block == block);
  if (!*fresh)
    return 0;
  int n = sga_tree_close(t, joins);
  if (!t->begun) {
    t->begun = true;
    t->first = t->next = block;
  }
  if (block > t->next) {                        /* a gap: nodes may rise past it */
    t->next = block;
    n += settle(t, joins + n);
  }
  t->open = true;
  t->block = block;
  t->slab = take(t);
  return n;
}

/* The node stands in the first block of its keys and rises as far as they reach.  A block in which they end is not passed: the
   keys that follow there form a leaf of their own.  */
void sga_tree_import(sga_tree *t, int64_t start, int64_t end) {
  sga_join joins[SGA_SLABS];
  uint64_t first = sga_block_of(start), next = sga_block_of(end);
  sga_tree_reset(t);
  t->begun = true;
  t->first = first;
  t->next = next > first ? next : first;
  t->end = end;
  t->inexact = 2;
  carry(t, insert(t, (sga_node){ first, 0, take(t) }), joins);
}

/* Level by level, nodes that have no sibling rise as they are.  Two nodes of one place (after an inexact merge) are joined.  */
int sga_tree_root(sga_tree *t, sga_join *joins, int *slab) {
  int n = 0;
  if (t->open)
    insert(t, (sga_node){ t->block, 0, t->slab });
  t->open = false;
  while (t->n > 1) {
    int level = t->node[0].level;
    for (int i = 1; i < t->n; i++)
      level = t->node[i].level < level ? t->node[i].level : level;
    for (int i = 0; i < t->n; i++) {
      sga_node *a = &t->node[i];
      if (a->level != level)
        continue;
      if (i + 1 < t->n && siblings(*a, a[1]))
        join_nodes(t, i, i + 1, &joins[n++]);
      a->level++;
      a->index >>= 1;
    }
    for (int i = 0; i + 1 < t->n; i++)
      while (i + 1 < t->n && t->node[i].level == t->node[i + 1].level && t->node[i].index == t->node[i + 1].index)
        join_nodes(t, i, i + 1, &joins[n++]);
  }
  *slab = t->n ? t->node[0].slab : -1;
  return n;
}

/* The open block of the later range stays open; where both have the same block open, they are joined and stay open.  */
static int merge_open(sga_tree *into, const sga_tree *from, int slab, sga_join *joins) {
  if (into->open && into->block == from->block) {
    into->inexact++;
    into->used[slab] = false;
    joins[0] = (sga_join){ into->slab, slab };
    return 1;
  }
  if (into->open && into->block > from->block)
    return put(into, (sga_node){ from->block, 0, slab }, joins);
  int n = sga_tree_close(into, joins);
  into->open = true;
  into->block = from->block;
  into->slab = slab;
  return n;
}

/* The blocks of a range, its open block included.  */
typedef struct range { bool begun; uint64_t first, next; } range;

static range range_of(const sga_tree *t) {
  return (range){ t->begun, t->first, t->open && t->next <= t->block ? t->block + 1 : t->next };
}

/* Ranges that touch become one; otherwise the later one is what further segments continue.  `a` and `b` are the ranges before
   the merge; an open block is not passed yet.  */
static void merge_range(sga_tree *into, range a, range b) {
  range r = a;
  if (!a.begun || (b.begun && b.first > a.next))
    r = b;
  else if (b.begun && b.next >= a.first)
    r = (range){ true, a.first < b.first ? a.first : b.first, a.next > b.next ? a.next : b.next };
  into->begun = r.begun;
  into->first = r.first;
  for (int i = into->n - 1; i >= 0; i--)        /* held nodes need no knowledge: the order of merges leaves no trace */
    if (node_first(into->node[i]) < into->first && node_next(into->node[i]) >= into->first)
      into->first = node_first(into->node[i]);
  into->next = into->open && into->block < r.next ? into->block : r.next;
}

bool sga_tree_merge(sga_tree *into, const sga_tree *from, sga_merge *m) {
  int last = from->n - 1;
  range a = range_of(into), b = range_of(from);
  m->n_copies = m->n_joins = 0;
  if (into->n + from->n + 2 > SGA_NODES)
    return false;
  for (int i = 0; i < from->n; i++)     /* all slabs are taken before any is given back: copies come before joins */
    m->copy[m->n_copies++] = (sga_join){ from->node[i].slab, take(into) };
  if (from->open)
    m->copy[m->n_copies++] = (sga_join){ from->slab, take(into) };
  if (into->open && (from->open ? from->block > into->block : last >= 0 && node_first(from->node[last]) > into->block))
    m->n_joins += sga_tree_close(into, m->join);   /* ours is the earlier */
  for (int i = 0; i < from->n; i++) {
    sga_node node = from->node[i];
    node.slab = m->copy[i].right;
    m->n_joins += put(into, node, m->join + m->n_joins);
  }
  if (from->open)
    m->n_joins += merge_open(into, from, m->copy[from->n].right, m->join + m->n_joins);
  merge_range(into, a, b);
  into->end = from->end > into->end ? from->end : into->end;
  into->inexact += from->inexact;
  m->n_joins += settle(into, m->join + m->n_joins);
  return true;
}
