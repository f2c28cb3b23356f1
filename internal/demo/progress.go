package demo

import (
	"fmt"
	"io"
	"time"
)

// Progress is one line that changes on a terminal, and a line now and then elsewhere.
type Progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time
	shown    time.Time
}

const (
	changesEvery = 200 * time.Millisecond
	linesEvery   = 5 * time.Second
	clearLine    = "\r\x1b[K"
)

// NewProgress writes to w.
func NewProgress(w io.Writer, terminal bool) *Progress {
	return &Progress{w: w, terminal: terminal, now: time.Now}
}

// Show tells how far it is, unless that was told a moment ago.
func (p *Progress) Show(format string, args ...any) {
	every := linesEvery
	if p.terminal {
		every = changesEvery
	}
	if now := p.now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.write(format, args...)
	}
}

// End tells the last word.
func (p *Progress) End(format string, args ...any) {
	p.write(format, args...)
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

// Clear takes the line away, so that something else can be printed.
func (p *Progress) Clear() {
	if p.terminal {
		fmt.Fprint(p.w, clearLine)
	}
	p.shown = time.Time{}
}

func (p *Progress) write(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.w, clearLine+format, args...)
		return
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}
