package offheap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegionsAreZeroedWritableAndTheirOwn(t *testing.T) {
	sizes := []int{1, 4096, 196_608, 2 << 20, 2<<20 + 1, 5<<20 + 12_345, 16 << 20}
	var regions [][]byte
	for round := range 3 {
		for _, n := range sizes {
			p, err := Alloc(n)
			require.NoError(t, err)
			require.Len(t, p, n)
			for _, b := range p {
				if b != 0 {
					t.Fatal("a new region is not zero")
				}
			}
			for i := range p {
				p[i] = byte(round + n)
			}
			regions = append(regions, p)
		}
	}
	for i, p := range regions {
		want := byte(i/len(sizes) + sizes[i%len(sizes)])
		for _, b := range p {
			if b != want {
				t.Fatal("regions overlap")
			}
		}
		Free(p)
	}
}
