// Package proc starts a program, waits until it takes connections, reads what it uses from /proc, and ends it. Linux only.
//
// A [Process] is ended by its own id, and with it only what was started here: SIGTERM first, SIGKILL at a deadline. Its
// output goes to a file and, up to a bound, can be read back.
package proc
