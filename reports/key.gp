# SPDX-License-Identifier: GPL-3.0-or-later
# Draws the key (style.gp) as the first plot of a multiplot.

do for [i = 1:sides] {
  set label 100 + i name[i] at screen X(key_x(i) + 4.6), screen Y(key_y(i)) left noenhanced
  set label 200 + i "" at screen X(key_x(i) + 2.0), screen Y(key_y(i)) \
    point linetype style[i] dashtype solid pointtype marker(style[i]) pointsize mark_size(style[i]) linewidth 0.6
  if (key_lines) {
    set arrow 100 + i from screen X(key_x(i) - 0.6), screen Y(key_y(i)) to screen X(key_x(i) + 4.0), screen Y(key_y(i)) \
      nohead linetype style[i]
  }
}
