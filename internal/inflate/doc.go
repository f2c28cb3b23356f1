// Package inflate decompresses DEFLATE (RFC 1951) and gzip (RFC 1952) from one piece of memory into another.
//
// Readers of streams keep the last 32 KiB in a window and copy them out of it, and read their input byte by byte. Where both ends are
// memory the output is the window, and the input is read eight bytes at a time: 1.6 times as fast, on what is more than half of the
// work of a gateway whose senders compress. It accepts and refuses what compress/flate and compress/gzip accept and refuse.
//
//	bit buffer  64 bits, filled to 56 or more: a length, its distance and their extra bits are 48 at most, three literals 33
//	table       index: the next bits of input, 11 for literals and lengths, 8 for distances
//	            entry: the bits that a symbol takes, and what it stands for
//	            longer codes: an entry that leads to a table of the bits that follow
//
// Tables as in libdeflate (E. Biggers); canonical codes as in RFC 1951, 3.2.2.
package inflate
