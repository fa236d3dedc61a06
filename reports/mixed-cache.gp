# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: subject, series, bits a value, then quantisation and arithmetic as places on their axes.  Panels 2 r - 1 and 2 r are
# row r of the cells: its quantisation, and under it its arithmetic.

set multiplot
load scripts.'/key.gp'
gap = 4.0
left = 17.5
cell = (right - left - (across - 1) * gap) / across
set label 1 "relative rms error" at screen X(2.2), screen Y((place_of(panels, 1) + place_of(1, 2)) / 2) center rotate by 90
set label 4 note at screen X(3.0), screen Y(place_of(1, 2) + 6.2) left textcolor rgb "#555555"
set logscale x
set xrange [low:high]
unset mxtics
every_tic = (cell < 40 ? "4 8 16" : "2 3 4 5 6 8 10 12 16 24 32 64")
point_size(i) = mark_size(i) * (cell < 60 ? 0.8 : 1)
of(s, i) = (column(1) == s && column(2) == i ? column(3) : NaN)
do for [s = 1:cells] {
  row = (s - 1) / across
  place_in_row = (s - 1) % across
  do for [part = 0:1] {
    p = 2 * row + 1 + part
    load scripts.'/panel.gp'
    set lmargin at screen X(left + place_in_row * (cell + gap))
    set rmargin at screen X(left + place_in_row * (cell + gap) + cell)
    unset label 2
    unset label 3
    if (part == 0) { set label 2 title[s] at graph 0, graph 1 left offset 0.2, 0.6 noenhanced }
    if (place_in_row == 0) {
      set label 3 (part == 0 ? "quantisation" : "arithmetic") at screen X(5.8), graph 0.5 center rotate by 90
    } else { set ytics format "" }
    set xtics () scale 0.5,0.25 offset 0, 0.4
    do for [w in every_tic] { set xtics add ((part == 1 && s + across > cells ? w : "") real(w)) }
    if (part == 1 && s + across > cells) { set xlabel "bits a value, mean over K and V" offset 0, 0.8 } else { unset xlabel }
    set grid ytics linetype 1 linewidth 0.5 linecolor rgb rule
    plot for [i = 1:sides] 'data.txt' using (of(s, i)):(column(4 + part)) with lines linetype style[i] dashtype solid \
           linewidth 0.6, \
         for [i = 1:sides] '' using (of(s, i)):(column(4 + part)) with points linetype style[i] dashtype solid \
           pointtype marker(style[i]) pointsize point_size(style[i]) linewidth 0.6
    if (s == 1 && part == 0) {
      unset label
      unset arrow
    }
  }
}
unset multiplot
