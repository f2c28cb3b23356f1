// Package report writes tables, for a terminal and for Markdown, and says on which machine a figure was measured.
package report
