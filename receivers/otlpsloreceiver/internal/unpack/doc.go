// Package unpack decompresses requests with klauspost/compress: gzip, zlib, zstd and snappy, with decoders that are used
// again and whose memory is bounded whatever a frame claims.
//
// Importing it replaces the gRPC compressors gzip, zstd and snappy of the process, for exporters as well: registration is
// by name. Over HTTP the receiver calls [NewReader].
package unpack
