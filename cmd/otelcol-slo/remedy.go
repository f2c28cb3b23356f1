package main

import (
	"strings"
	"syscall"
)

// remedies are what to do about errors that come from the operating system or the command line, by a part of their text: not all
// who hand them on wrap them. Errors of the configuration have theirs in them.
var remedies = []struct{ text, remedy string }{
	{syscall.EADDRINUSE.Error(), "another process listens there: stop it, or set another endpoint (otelcol-slo demo: --port-offset)"},
	{"bind: " + syscall.EACCES.Error(), "ports below 1024 are the system's: set another endpoint, or give the binary CAP_NET_BIND_SERVICE"},
	{syscall.EACCES.Error(), "give this user the permission, or set another path (without --config: DATA_DIR; otelcol-slo demo: TMPDIR)"},
	{syscall.EPERM.Error(), "give this user the permission, or set another path (without --config: DATA_DIR; otelcol-slo demo: TMPDIR)"},
	{syscall.EROFS.Error(), "set a path that can be written (without --config: DATA_DIR; otelcol-slo demo: TMPDIR)"},
	{syscall.ENOSPC.Error(), "make room, or set a path on another disk (without --config: DATA_DIR; otelcol-slo demo: TMPDIR)"},
	{syscall.ENOENT.Error(), "check the path"},
	{syscall.ENOTDIR.Error(), "check the path"},
	{"unknown flag", "otelcol-slo --help and otelcol-slo COMMAND --help list the flags"},
	{"unknown shorthand flag", "otelcol-slo --help and otelcol-slo COMMAND --help list the flags"},
	{"unknown command", "otelcol-slo --help lists the commands"},
}

// explain tells what is wrong and, where it is known, what to do about it.
func explain(err error) string {
	text := err.Error()
	for _, r := range remedies {
		if strings.Contains(text, r.text) {
			return text + ": " + r.remedy
		}
	}
	return text
}
