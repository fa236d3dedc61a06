# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: side, operations a byte, GFLOP/s.  level[]: read bandwidths in GB/s; peak: of fused multiply-adds.

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
set xtics 2**ceil(log(low) / log(2)), columns == 1 ? 4 : 2, 0.9 * high format "%g"   # the last would be cut off
unset mxtics
set ytics format "%g"
set mytics 10
set xlabel "operations a byte of q, k, v and out" offset 0, 0.5
set ylabel "GFLOP/s" offset 1.2, 0
roof(b, x) = b * x > peak ? 1 / 0 : b * x
# each name stands on its slope if there is room, at a height of its own, so that those of equal slopes do not meet; else at the
# slope's end, if the next one leaves room there
least(a, b) = a < b ? a : b
foot(b) = floor_at / b > low ? floor_at / b : low
seen(b) = least(high, peak / b) / foot(b)       # how much of the slope
at_share(i) = i == levels ? 0.66 : 0.66 * i / levels
spot(b, i) = foot(b) * seen(b) ** at_share(i)
slope = atan2((top - bottom) / (log(ceiling_at) - log(floor_at)), (right - left) / (log(high) - log(low))) * 180 / pi
apart(i) = (right - left) * log(level[i] / level[i + 1]) / log(high / low)      # mm
beside = 15.5 + 4 / tan(slope * pi / 180)       # of a name at the upper end
do for [i = 1:levels] {
  x = spot(level[i], i)
  if (log(seen(level[i])) > (columns == 1 ? 0.4 : 0.2) * log(high / low)) {
    set label 500 + i sprintf("%s %.0f GB/s", level_name[i], level[i]) at first x, first level[i] * x \
      center rotate by slope offset 0, 0.55 textcolor rgb "#555555"
  } else {
    if (i < levels && apart(i) > beside) {
      set label 500 + i sprintf("%s %.0f GB/s", level_name[i], level[i]) at first peak / level[i], first peak left \
        offset 0.5, -0.8 textcolor rgb "#555555"
    }
  }
}
set label 520 sprintf("FMA peak %.0f GFLOP/s", peak) at graph 0.98, first peak right offset 0, 0.5 textcolor rgb "#555555"
plot for [i = 1:levels] roof(level[i], x) with lines linetype (i == levels ? 1 : 4) linewidth 0.6 linecolor rgb "#999999", \
  peak with lines linewidth 0.6 linecolor rgb "#999999" dashtype solid, \
  for [i = 1:sides] 'data.txt' using ($1 == i ? $2 : NaN):3 with points linetype style[i] dashtype solid \
  pointtype marker(style[i]) pointsize mark_size(style[i]) linewidth 0.6
unset multiplot
