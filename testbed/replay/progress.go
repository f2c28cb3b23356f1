package replay

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// barWidth is the width of a progress bar in characters; it is redrawn at most every barEvery.
const (
	barWidth = 40
	barEvery = 200 * time.Millisecond
)

// Bar returns a function for [Options].Progress that draws a progress bar on f, where f is a terminal; else nil.
func Bar(f *os.File) func(done, of int) {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	started := time.Now()
	var drawn time.Time
	return func(done, of int) {
		now := time.Now()
		if done < of && now.Sub(drawn) < barEvery {
			return
		}
		drawn = now
		fmt.Fprint(f, "\r"+bar(done, of, now.Sub(started)))
		if done == of {
			fmt.Fprintln(f)
		}
	}
}

// bar draws how much is done, how fast, and how long the rest will take.
func bar(done, of int, elapsed time.Duration) string {
	filled := barWidth * done / max(1, of)
	rate := float64(done) / max(elapsed.Seconds(), 1e-3)
	left := time.Duration(float64(of-done) / max(rate, 1e-3) * float64(time.Second))
	return fmt.Sprintf("[%s%s] %3d %%  %d/%d requests  %.0f/s  %v left ", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled),
		100*done/max(1, of), done, of, rate, left.Round(time.Second))
}
