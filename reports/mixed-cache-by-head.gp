# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: subject, series, x, then the error with the fewest recent keys kept and with the most, as places on the axis.

set multiplot
set label 1 "quantisation error / rms of the head" at screen X(1.8), \
  screen Y((place_of(panels, 1) + place_of(1, 2)) / 2) center rotate by 90
set label 4 "marker: fewest recent keys in f16; line: to the most" at screen X(3.0), screen Y(place_of(1, 2) + 6.2) left \
  textcolor rgb "#555555"
load scripts.'/key.gp'
set xrange [-0.5:rows - 0.5]
every_row = ceil(rows * 3.2 / (right - left))           # 3.2 mm a number
of(s, i) = (column(1) == s && column(2) == i ? column(3) : NaN)
do for [p = 1:panels] {
  load scripts.'/panel.gp'
  do for [i = 1:rows - 1] {
    set arrow 1000 + i from i - 0.5, graph 0 to i - 0.5, graph 1 nohead back linewidth 0.5 linecolor rgb rule
  }
  set label 2 title[p] at graph 0, graph 1 left offset 0.2, 0.6 noenhanced
  set xtics 0, every_row, rows scale 0 format (p == panels ? "%g" : "") offset 0, 0.4
  if (p == panels) { set xlabel (batches > 1 ? "query head, batch after batch" : "query head") offset 0, 0.8 }
  plot for [i = 1:sides] 'data.txt' using (of(p, i)):4:(0):($5 - $4) with vectors nohead linetype style[i] dashtype solid \
         linewidth 1.2, \
       for [i = 1:sides] '' using (of(p, i)):4 with points pointtype 7 pointsize 1.25 * mark_size(1) linecolor rgb "white", \
       for [i = 1:sides] '' using (of(p, i)):4 with points linetype style[i] dashtype solid pointtype marker(style[i]) \
         pointsize mark_size(style[i]) linewidth 0.6
  if (p == 1) { unset label }
}
unset multiplot
