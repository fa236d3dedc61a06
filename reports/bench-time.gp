# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: side, seconds, line (from 0, spread a little).  label_of[], time_of[], ratio_of[]: texts of a line; title_at[]: does
# it stand above others?  low, high: decades of seconds.

set multiplot
load scripts.'/key.gp'
left_edge = 32                          # mm
right_edge = width - 28
set bmargin at screen Y(bottom)
set tmargin at screen Y(top)
set lmargin at screen X(left_edge)
set rmargin at screen X(right_edge)
set logscale x
set xrange [10.0**low:10.0**high]
set yrange [rows - 0.5:-0.5]
unset ytics
unset xtics
unit(k) = k < -6 ? "ns" : k < -3 ? "µs" : k < 0 ? "ms" : "s"
base(k) = k < -6 ? -9 : k < -3 ? -6 : k < 0 ? -3 : 0
step = ceil((high - low) * 10.5 / (right_edge - left_edge))     # decades a number, 10.5 mm apart at least
set xtics out nomirror scale 0.5, 0.25
do for [k = low:high] {
  if ((k - low) % step == 0) {
    set xtics add (sprintf("%.0f %s", 10.0**(k - base(k)), unit(k)) 10.0**k)
  } else {
    set xtics add ("" 10.0**k)
  }
}
if (step == 1) { do for [k = low:high - 1] { do for [i = 2:9] { set xtics add ("" i * 10.0**k 1) } } }
set border 1
set xlabel "time of a call" offset 0, 0.6
do for [i = 1:rows] {
  if (title_at[i]) {
    set label 1000 + i label_of[i] at screen X(3.0), first i - 1 left front noenhanced
    set object i rectangle from screen 0, first i - 1.5 to screen 1, first i - 0.5 front \
      fillstyle solid noborder fillcolor rgb "#e8e8e8"
  } else {
    set label 1000 + i label_of[i] at graph 0, first i - 1 right offset -0.8, 0 noenhanced
    set label 2000 + i time_of[i] at screen X(right_edge + 13), first i - 1 right noenhanced
    set label 3000 + i ratio_of[i] at screen X(right_edge + 26), first i - 1 right noenhanced
    set arrow 1000 + i from graph 0, first i - 1 to graph 1, first i - 1 nohead back linewidth 0.5 linecolor rgb rule
  }
}
set label 4000 "segattn" at screen X(right_edge + 13), screen Y(bottom - 7.0) right textcolor rgb "#555555"
plot for [i = 1:sides] 'data.txt' using ($1 == i ? $2 : NaN):3 with points linetype style[i] dashtype solid \
  pointtype marker(style[i]) pointsize mark_size(style[i]) linewidth 0.6
unset multiplot
