# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: side, x, then 5 %, quartile, median, quartile, 95 %, largest, as places on the axis.

set multiplot
set label 1 "|out − exact|, absolute" at screen X(1.8), screen Y((place_of(panels, 1) + place_of(1, 2)) / 2) \
  center rotate by 90
load scripts.'/key.gp'
set xrange [-0.5:rows - 0.5]
every_row = ceil(rows * 3.2 / (right - left))           # 3.2 mm a number
do for [i = 1:rows - 1] {
  set arrow 1000 + i from i - 0.5, graph 0 to i - 0.5, graph 1 nohead back linewidth 0.5 linecolor rgb rule
}
cap = 0.28 * (right - left > 100 ? 0.5 : 1) / (1 + 0.1 * sides)
of(i) = (column(1) == i ? column(2) : NaN)
do for [p = 1:panels] {
  load scripts.'/panel.gp'
  if (p == panels) {
    set xtics 0, every_row, rows scale 0 format "%g" offset 0, 0.4
    set xlabel (batches > 1 ? "query head, batch after batch" : "query head") offset 0, 0.8
  } else {
    set xtics 0, every_row, rows scale 0 format ""
    unset xlabel
  }
  plot for [w in curves[p]] 'data.txt' using (of(int(w))):3:(0):($7 - $3) with vectors nohead \
         linetype style[int(w)] dashtype solid linewidth 0.5, \
       for [w in curves[p]] '' using (of(int(w))):4:(0):($6 - $4) with vectors nohead \
         linetype style[int(w)] dashtype solid linewidth 2, \
       for [w in curves[p]] '' using (of(int(w)) - cap / 2):8:(cap):(0) with vectors nohead \
         linetype style[int(w)] dashtype solid linewidth 0.7, \
       for [w in curves[p]] '' using (of(int(w))):5 with points \
         pointtype 7 pointsize 1.25 * mark_size(1) linecolor rgb "white", \
       for [w in curves[p]] '' using (of(int(w))):5 with points \
         linetype style[int(w)] pointtype marker(style[int(w)]) pointsize mark_size(style[int(w)]) linewidth 0.6
  if (p == 1) {
    unset label
    unset arrow
    do for [i = 1:rows - 1] {
      set arrow 1000 + i from i - 0.5, graph 0 to i - 0.5, graph 1 nohead back linewidth 0.5 linecolor rgb rule
    }
  }
}
unset multiplot
