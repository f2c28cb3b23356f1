package demo

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// print writes a table: words to the left, figures to the right.
func (t *table) print(w io.Writer, got answers) {
	lines := [][]string{slices.Clone(t.heads)}
	rows := map[row]bool{}
	for i, c := range t.columns {
		if c.title != "" {
			lines[0] = append(lines[0], c.title)
		}
		for r := range got[i] {
			rows[r] = true
		}
	}
	for _, r := range t.order(rows) {
		line := slices.Clone(r[:len(t.heads)])
		for i, c := range t.columns {
			v, there := got[i][r]
			switch {
			case c.title == "":
			case there:
				line = append(line, c.format(v))
			default:
				line = append(line, "")
			}
		}
		line = append(line, t.notes[r[0]])
		lines = append(lines, line)
	}
	lines[0] = append(lines[0], "")
	fmt.Fprintf(w, "\n%s\n", t.title)
	widths := widthsOf(lines)
	for _, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < len(t.heads) || i == len(line)-1 {
				b.WriteString("  " + cell + gap)
			} else {
				b.WriteString("  " + gap + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// order is that of the first column's queries where they are fixed, of the alphabet otherwise.
func (t *table) order(rows map[row]bool) []row {
	fixed := map[string]int{}
	for _, q := range t.columns[0].queries {
		if _, known := fixed[q.fixed]; !known {
			fixed[q.fixed] = len(fixed)
		}
	}
	return slices.SortedFunc(maps.Keys(rows), func(a, b row) int {
		if d := fixed[a[0]] - fixed[b[0]]; d != 0 {
			return d
		}
		return slices.Compare(a[:], b[:])
	})
}

func widthsOf(lines [][]string) []int {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}
