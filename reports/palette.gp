# SPDX-License-Identifier: GPL-3.0-or-later
# Viridis (van der Walt and Smith 2015, CC0), perceptually uniform, luminance monotone, safe for the colour-blind; every
# eighth of matplotlib's table.

set palette defined (0 "#440154", 1 "#472d7b", 2 "#3b528b", 3 "#2c728e", 4 "#21918c", 5 "#28ae80", 6 "#5ec962", 7 "#addc30", \
  8 "#fde725")
