# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: panel, series, keys, error as place on the axis, 1 with a window.

set multiplot
load scripts.'/key.gp'
gap = 4.0
cell = (right - left - (across - 1) * gap) / across
set label 1 "quantisation error / rms" at screen X(1.8), \
  screen Y((place_of(panels, 1) + place_of(1, 2)) / 2) center rotate by 90
set label 4 note at screen X(3.0), screen Y(place_of(1, 2) + 6.2) left textcolor rgb "#555555"
set logscale x 2
set xrange [low:high]
unset mxtics
of(s, i, w) = (column(1) == s && column(2) == i && column(5) == w ? column(3) : NaN)
do for [s = 1:cells] {
  p = (s - 1) / across + 1
  place_in_row = (s - 1) % across
  load scripts.'/panel.gp'
  set lmargin at screen X(left + place_in_row * (cell + gap))
  set rmargin at screen X(left + place_in_row * (cell + gap) + cell)
  set label 2 title[s] at graph 0, graph 1 left offset 0.2, 0.6 noenhanced
  if (place_in_row > 0) { set ytics format "" }
  set xtics () scale 0.5,0.25 offset 0, 0.4
  do for [w in lengths] { set xtics add ((s + across > cells ? w : "") real(w)) }
  if (s + across > cells) { set xlabel "keys" offset 0, 0.8 } else { unset xlabel }
  set grid ytics linetype 1 linewidth 0.5 linecolor rgb rule
  plot for [i = 1:sides] 'data.txt' using (of(s, i, 0)):4 with lines linetype style[i] dashtype solid linewidth 0.7, \
       for [i = 1:sides] '' using (of(s, i, 1)):4 with lines linetype style[i] dashtype (4, 2) linewidth 0.7, \
       for [i = 1:sides] '' using ($1 == s && $2 == i ? $3 : NaN):4 with points linetype style[i] dashtype solid \
         pointtype marker(style[i]) pointsize mark_size(style[i]) linewidth 0.6
  if (s == 1) {
    unset label
    unset arrow
  }
}
unset multiplot
