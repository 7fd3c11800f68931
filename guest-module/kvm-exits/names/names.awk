# SPDX-License-Identifier: GPL-2.0-only
#
# Turns the files of names into C: an array for each file, named as the file.  A
# line is a number or a range of numbers, and the name.

FNR == 1 {
	if (NR > 1)
		print "\t{}\n};\n"
	array = FILENAME
	sub(/.*\//, "", array)
	sub(/\.txt$/, "", array)
	printf "static const struct name %s[] = {\n", array
}

!/^(#|$)/ {
	n = split($1, range, "-")
	sub(/^[^ ]+ /, "")
	gsub(/["\\]/, "\\\\&")
	printf "\t{ %s, %s, \"%s\" },\n", range[1], range[n], $0
}

END {
	print "\t{}\n};"
}
