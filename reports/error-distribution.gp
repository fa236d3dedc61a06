# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: side, part (0: share of exact zeros, 1: the curve), x, share.

set multiplot
key_lines = 1
load scripts.'/key.gp'
set bmargin at screen Y(bottom)
set tmargin at screen Y(top)
set lmargin at screen X(left)
set rmargin at screen X(right)
set logscale x
set xrange [10**(low - strip):10**high]
set yrange [0:1]
set ytics 0, 0.2 format "%g"
set mytics 2
step = ceil((high - low) * 9.5 / (right - left))
set xtics 10**low, 10**step, 10**high format "10^{%L}"
set xtics add ("0" 10**(low - 0.5 * strip))
if (step == 1) { set mxtics 10 } else { unset mxtics }
set xlabel "|out − exact|, absolute" offset 0, 0.6
set label 2 "share of elements below" at screen X(2.6), graph 0.5 center rotate by 90
set object 1 rectangle from 10**(low - strip), graph 0 to 10**low, graph 1 behind \
  fillstyle solid noborder fillcolor rgb "#f0f0f0"
set label 1 "identical bits" at 10**(low - 0.84 * strip), graph 0.5 center rotate by 90 textcolor rgb "#888888"
do for [i = 1:4] {
  set arrow i from graph 0, first 0.2 * i to graph 1, first 0.2 * i nohead back linewidth 0.5 linecolor rgb rule
}
of(i, part) = (column(1) == i && column(2) == part ? column(3) : NaN)
line(i) = (column(1) == i && column(2) > 0 ? column(3) : NaN)
plot for [i = 1:sides] 'data.txt' using (line(i)):4 with lines linetype style[i], \
     for [i = 1:sides] '' using (of(i, 1)):4 every 6::2 * i with points linetype style[i] dashtype solid \
       pointtype marker(style[i]) pointsize 0.8 * mark_size(style[i]) linewidth 0.6, \
     for [i = 1:sides] '' using (of(i, 0)):4 with points linetype style[i] dashtype solid \
       pointtype marker(style[i]) pointsize 1.3 * mark_size(style[i]) linewidth 0.6
unset multiplot
