# SPDX-License-Identifier: GPL-2.0-only
#
# Turns a text file, such as reasons.txt, into C.  A paragraph is "key: text", and
# lines that continue it begin with a space.
#
# A record of paragraphs, with an empty line behind it, becomes the initialiser of a
# struct.  With -v arrays=1 each paragraph becomes an array of its own.

function put()
{
	gsub(/["\\]/, "\\\\&", text)
	if (arrays && key)
		printf "static const char %s[] = \"%s\";\n", key, text
	else if (key == "family")
		printf "\t.family = %s,\n", text
	else if (key)
		printf "\t.%s = \"%s\",\n", key, text
	key = ""
}

/^#/ {
	next
}

/^ / {
	sub(/^ +/, "")
	text = text " " $0
	next
}

{
	put()
}

/^$/ && record {
	print "},"
	record = 0
}

/^[a-z_]+: / {
	key = substr($0, 1, index($0, ":") - 1)
	text = substr($0, index($0, ":") + 2)
	if (!arrays && !record++)
		print "{"
	next
}

/./ {
	print FILENAME ":" FNR ": neither a paragraph nor its continuation" >"/dev/stderr"
	failed = 1
	exit
}

END {
	if (!failed)
		put()
	if (record)
		print "},"
	exit failed
}
