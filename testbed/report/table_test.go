package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTable(t *testing.T) {
	table := Table{Title: "Speed", Header: []string{"what", "n"}}
	table.Add("a µ", "1")
	table.Add("b", "20")
	assert.Equal(t, "Speed\n  what  n \n  a µ   1 \n  b     20\n", table.Text())
	assert.Equal(t, "**Speed**\n\n| what | n |\n|---|---|\n| a µ | 1 |\n| b | 20 |\n", table.Markdown())
}

func TestCount(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567", -12345: "-12,345"} {
		assert.Equal(t, want, Count(n))
	}
}
