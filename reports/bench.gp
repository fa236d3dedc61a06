# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: side, operations a byte, GFLOP/s.  level[]: read bandwidths in GB/s; peak: of fused multiply-adds, 0 where there is none.

set multiplot
load scripts.'/key.gp'
set bmargin at screen Y(bottom)
set tmargin at screen Y(top)
set lmargin at screen X(left)
set rmargin at screen X(right)
set logscale x 2
set logscale y 10
set xrange [low:high]
set yrange [floor_at:ceiling_at]
set xtics 2**ceil(log(low) / log(2)), columns == 1 ? 4 : 2 format "%g"
unset mxtics
set ytics format "%g"
set mytics 10
set xlabel "operations a byte of q, k, v and out" offset 0, 0.5
set ylabel "GFLOP/s" offset 1.2, 0
roof(b, x) = peak > 0 && b * x > peak ? 1 / 0 : b * x
# each name stands on its slope, in the middle of what is seen of it
least(a, b) = a < b ? a : b
middle(b) = sqrt((floor_at / b > low ? floor_at / b : low) * least(high, (peak > 0 ? peak : ceiling_at) / b))
slope = atan2((top - bottom) / (log(ceiling_at) - log(floor_at)), (right - left) / (log(high) - log(low))) * 180 / pi
do for [i = 1:levels] {
  x = middle(level[i])
  if (x > low && level[i] * x < ceiling_at) {
    set label 500 + i sprintf("%s %.0f GB/s", level_name[i], level[i]) at first x, first level[i] * x \
      center rotate by slope offset 0, 0.55 textcolor rgb "#555555"
  }
}
if (peak > 0) {
  set label 520 sprintf("FMA peak %.0f GFLOP/s", peak) at graph 0.98, first peak right offset 0, 0.5 textcolor rgb "#555555"
}
plot for [i = 1:levels] roof(level[i], x) with lines linetype (i == levels ? 1 : 4) linewidth 0.6 linecolor rgb "#999999", \
  peak > 0 ? peak : 1 / 0 with lines linewidth 0.6 linecolor rgb "#999999" dashtype solid, \
  for [i = 1:sides] 'data.txt' using ($1 == i ? $2 : NaN):3 with points linetype style[i] dashtype solid \
  pointtype marker(style[i]) pointsize mark_size(style[i]) linewidth 0.6
unset multiplot
