# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: side, row, relative rms error as place on the axis.

set multiplot
load scripts.'/key.gp'
set bmargin at screen Y(bottom)
set tmargin at screen Y(top)
set lmargin at screen X(left_edge)
set rmargin at screen X(right)
set logscale x
set xrange [10**(low - strip):10**high]
set yrange [rows - 0.5:-0.5]
unset ytics
step = ceil((high - low) * 9.5 / (right - left_edge))
set xtics 10**low, 10**step, 10**high format "10^{%L}"
if (strip > 0) {
  set xtics add ("0" 10**(low - strip / 2))
  set object 1 rectangle from 10**(low - strip), graph 0 to 10**low, graph 1 behind \
    fillstyle solid noborder fillcolor rgb "#f0f0f0"
}
set xlabel "rms(out − exact) / rms(exact)" offset 0, 0.6
do for [i = 1:rows] {
  set label 1000 + i label_of[i] at graph 0, first i - 1 right offset -0.8, 0 noenhanced
  set arrow 1000 + i from graph 0, first i - 0.5 to graph 1, first i - 0.5 nohead back linewidth 0.5 linecolor rgb rule
}
plot for [i = 1:sides] 'data.txt' using ($1 == i ? $3 : NaN):2 with points linetype style[i] \
  pointtype marker(style[i]) pointsize mark_size(style[i]) linewidth 0.6
unset multiplot
