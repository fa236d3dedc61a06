# SPDX-License-Identifier: GPL-3.0-or-later
# The logarithmic y axis of panel p of a stack (style.gp), with a place for zeros where it has them.

set bmargin at screen Y(place_of(p, 1))
set tmargin at screen Y(place_of(p, 2))
set lmargin at screen X(left)
set rmargin at screen X(right)
set logscale y
set yrange [axis_of(p, 1):10**axis_of(p, 3)]
decades = axis_of(p, 3) - axis_of(p, 2)
step = ceil(decades * 3.6 / (place_of(p, 2) - place_of(p, 1)))          # decades a tick, 3.6 mm apart at least
set ytics 10**axis_of(p, 2), 10**step, 10**axis_of(p, 3) format "10^{%L}"
if (step == 1) { set mytics 10 } else { unset mytics }
unset arrow 90
if (axis_of(p, 4) > 0) {
  set ytics add ("0" axis_of(p, 4))
  set arrow 90 from graph 0, first 10**(axis_of(p, 2) - 0.15) to graph 1, first 10**(axis_of(p, 2) - 0.15) nohead \
    linewidth 0.5 linecolor rgb "#999999" dashtype (2, 2)
}
