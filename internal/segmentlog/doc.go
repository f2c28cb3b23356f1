// Package segmentlog is an append-only log of records on disk, for what must outlive the process: a kill at any instant
// loses nothing that Append returned for. It knows nothing of what the records mean.
//
// A directory holds segments, files of about one size. A name is the segment's number and a seed in hexadecimal,
// 000000000000002a-9f3c11d0.log. Records are appended to the newest and never change; space comes back by removing the oldest
// segments whole. A record is
//
//	 0  magic      "slg1"
//	 4  meta size  uint32, little endian as all numbers
//	 8  body size  uint32
//	12  body sum   uint32, CRC-32C of the body, beginning with the seed
//	16  head sum   uint32, CRC-32C of the 16 bytes before and of the meta
//	20  meta       what [Open] shows, so that an index can be made without reading bodies
//	    body
//	    zeros      to a multiple of 8 bytes
//
// The seed is random: where damage has the log look for the next record, a text within a body is never taken for one.
//
// Damage never stops the log: [Open] looks for the next sound record where a head is not what its sum says, [Log.Read]
// tells a damaged body from others, and a record that a kill cut short at the end is left out. A segment that was found
// is never appended to again.
//
// Writes go to the kernel at once, which is what outlives the process; [Log.Sync] asks the kernel to write to the disk,
// for what is to outlive the machine.
//
// Concurrency: Append, Roll, RemoveThrough and Close belong to one goroutine at a time. Read, Scan, Sync and the figures may be used
// beside them by any number.
package segmentlog
