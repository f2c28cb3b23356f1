// Package unpack decompresses requests: gzip, zlib, zstd and snappy, with decoders that are used again and whose memory is bounded
// whatever a frame claims. They are klauspost/compress's, and for gzip in one piece internal/inflate, by [Gunzip].
//
// Importing it replaces the gRPC compressors gzip, zstd and snappy of the process, for exporters as well: registration is
// by name. The receiver calls [NewReader] over HTTP, [NewMessage] and [NewStream] over gRPC.
package unpack
