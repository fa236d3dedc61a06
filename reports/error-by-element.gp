# SPDX-License-Identifier: GPL-3.0-or-later
# data.txt: one block a map (element, head, log10 of the ratio), then the profile (side, element, rms as place on the axis).

set multiplot
key_lines = 1
load scripts.'/key.gp'
load scripts.'/palette.gp'
set cbrange [scale_low:scale_high]
set label 1 "rms error / rms of the side".(across > 2 ? ", which stands above the map" : "") \
  at screen X(left), screen Y(scale_at + 1.2) left
bar = (columns == 1 ? 25.0 : 50.0)
set colorbox horizontal user origin screen X(right - bar - 2), screen Y(scale_at + 0.2) size screen X(bar), screen Y(2) \
  noborder
halves = scale_high - scale_low <= 1    # else whole decades have room
first = (halves ? scale_low : ceil(scale_low))
set cbtics scale 0.3 offset 0, 0.4 format "10^{%g}" first, (halves ? 0.5 : 1), scale_high

gap = 3.0
map_width = (right - left - (across - 1) * gap) / across
every_row = ceil(rows * 3.0 / map_height)
set xrange [-0.5:dims - 0.5]
set yrange [rows - 0.5:-0.5]
do for [m = 1:maps] {
  i = (m - 1) % across
  j = (maps - 1) / across - (m - 1) / across            # from below
  set lmargin at screen X(left + i * (map_width + gap))
  set rmargin at screen X(left + i * (map_width + gap) + map_width)
  set bmargin at screen Y(map_low + j * map_step)
  set tmargin at screen Y(map_low + j * map_step + map_height)
  set label 2 title[m] at graph 0, graph 1 left offset 0, 0.6 noenhanced
  set label 3 (across > 2 ? "" : "rms ").(rms[m] > 0 ? gprintf("%.1t × 10^{%T}", rms[m]) : "0") \
    at graph 1, graph 1 right offset 0, 0.6
  set xtics 0, (dims > 128 ? 64 : across > 1 ? 16 : 8), dims scale 0.3 format (m + across > maps ? "%g" : "") offset 0, 0.4
  set ytics 0, every_row, rows scale 0 format (i == 0 ? "%g" : "") offset 0.5, 0
  unset label 4
  if (i == 0) { set label 4 "query head" at screen X(left - 6.5), graph 0.5 center rotate by 90 }
  if (vector) {                 # a viewer of SVG would smooth an enlarged image
    plot 'data.txt' index m - 1 using 1:2:3 with image pixels
  } else {
    plot 'data.txt' index m - 1 using 1:2:3 with image
  }
  unset colorbox
  if (m == 1) {
    unset label
    unset arrow
  }
}

unset label
set label 1 "rms |out − exact|" at screen X(1.8), screen Y((place_of(panels, 1) + place_of(1, 2)) / 2) center rotate by 90
set ytics scale 0.5,0.25 offset 0, 0
of(i) = (column(1) == i ? column(2) : NaN)
skip = (dims > 16 ? dims / 8 : 1)
do for [p = 1:panels] {
  load scripts.'/panel.gp'
  set xtics 0, (dims > 128 ? 64 : 8), dims scale 0.3 format (p == panels ? "%g" : "") offset 0, 0.4
  if (p == panels) { set xlabel "element of the head dimension" offset 0, 0.8 }
  plot for [w in curves[p]] 'data.txt' index maps using (of(int(w))):3 with lines linetype style[int(w)], \
       for [w in curves[p]] '' index maps using (of(int(w)) >= 0 && (int($2) + int(w)) % skip == 0 ? $2 : NaN):3 with points \
         linetype style[int(w)] dashtype solid pointtype marker(style[int(w)]) \
         pointsize 0.8 * mark_size(style[int(w)]) linewidth 0.6
  unset label
}
unset multiplot
