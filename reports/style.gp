# SPDX-License-Identifier: GPL-3.0-or-later
# How all figures look.  Lengths are mm on paper, line widths and type are points, whatever the terminal.
#
# Given by the program: width, height (mm), columns, point (terminal units), vector (SVG), and for the key: sides, name[],
# style[], key_across, key_rows.  Colours are Okabe and Ito's (2008; the yellow, too light on white, replaced by grey); each
# side has its own marker and dash too, so that it is told apart in grey print.

set encoding utf8
set key off
set border linewidth 0.5 linecolor rgb "#333333"
set tics nomirror out scale 0.5,0.25 textcolor rgb "black"
set mxtics default
unset title

X(mm) = mm / width                      # screen coordinates
Y(mm) = mm / height
left = 14.0
right = width - 4.0                     # half a number of the axis stands out
bottom_margin = 9.0

colour(i) = word("#000000 #777777 #0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #882255 #999933 #44AA99 #AA4499", i)
marker(i) = int(word("7 6 4 8 12 10 2 5 9 3 13 11", i))
# marks of one optical size
mark_size(i) = 0.34 * point * real(word("1 1 1 1.25 1.2 1.25 1.1 0.9 1.2 1.1 1.15 1.2", i))
set linetype 1 dashtype solid
set linetype 2 dashtype (1, 2)
set linetype 3 dashtype (8, 2)
set linetype 4 dashtype (4, 2)
set linetype 5 dashtype (8, 2, 2, 2)
set linetype 6 dashtype (2, 2)
set linetype 7 dashtype (8, 2, 2, 2, 2, 2)
set linetype 8 dashtype (12, 3)
set linetype 9 dashtype (5, 1.5)
set linetype 10 dashtype (1, 3)
set linetype 11 dashtype (6, 2, 1, 2)
set linetype 12 dashtype (3, 1)
do for [i = 1:12] { set linetype i linewidth 0.8 linecolor rgb colour(i) }

rule = "#e4e4e4"                        # light lines that guide the eye

# The key: a grid above the panels.  One label per side, with its marker; `key_lines` adds a piece of its line.
key_x(i) = 3.0 + ((i - 1) % key_across) * (width - 3.0) / key_across
key_y(i) = height - 2.6 - 4.0 * ((i - 1) / key_across)
key_lines = 0

# A stack of panels: the axis of panel p.
axis_of(p, k) = real(word(axis[p], k))
place_of(p, k) = real(word(place[p], k))
