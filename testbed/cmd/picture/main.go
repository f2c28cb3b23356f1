// Command picture draws what a terminal shows as an SVG: text on standard input, the picture on standard output.
//
//	bin/otelcol-slo demo --for 30s | go run ./testbed/cmd/picture '$ make demo' > demo.svg
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"log"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	charWidth  = 7.8
	lineHeight = 18
	margin     = 20
	widest     = 110 // characters of a line
)

func main() {
	lines := os.Args[1:]
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
	if err := draw(os.Stdout, lines); err != nil {
		log.Fatal(err)
	}
}

// draw writes lines in white on dark; those that begin at the margin are headings.
func draw(w io.Writer, lines []string) error {
	width := 0
	for i, line := range lines {
		if utf8.RuneCountInString(line) > widest {
			lines[i] = string([]rune(line)[:widest-1]) + "…"
		}
		width = max(width, utf8.RuneCountInString(lines[i]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d">`+"\n", 2*margin+float64(width)*charWidth, 2*margin+len(lines)*lineHeight)
	b.WriteString(`<rect width="100%" height="100%" rx="8" fill="#10151c"/>` + "\n")
	b.WriteString(`<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" style="white-space: pre" xml:space="preserve" fill="#d5dbe3">` + "\n")
	for i, line := range lines {
		if line == "" {
			continue
		}
		color := ""
		if !strings.HasPrefix(line, " ") {
			color = ` fill="#7cc7ff" font-weight="bold"`
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d"%s>%s</text>`+"\n", margin, margin+13+i*lineHeight, color, html.EscapeString(line))
	}
	b.WriteString("</g>\n</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
