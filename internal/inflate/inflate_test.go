package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	klauspost "github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/internal/spantest"
)

// texts are inputs of all kinds: empty, random, of one byte, repeating at all distances, and spans.
func texts() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	out := map[string][]byte{"empty": {}, "one": {'a'}, "zeroes": make([]byte, 100_000)}
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	out["noise"] = noise
	for _, distance := range []int{1, 2, 3, 5, 7, 8, 9, 31, 300, 32768} {
		out["period "+string(rune('a'+len(out)))] = bytes.Repeat(noise[:distance], 70_000/distance)
	}
	var skewed []byte // long codes
	for range 200_000 {
		skewed = append(skewed, byte(min(random.ExpFloat64()*3, 255)))
	}
	out["skewed"] = skewed
	return out
}

func compressed(t testing.TB, text []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	require.NoError(t, err)
	_, err = w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestWhatWasCompressedComesBack(t *testing.T) {
	var d Decoder
	for name, text := range texts() {
		for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
			packed := compressed(t, text, level)
			for _, spare := range []int{0, 1, 7, 300} {
				dst := make([]byte, len(text)+spare)
				n, err := d.Gunzip(dst, packed)
				require.NoError(t, err, "%s %d", name, level)
				require.True(t, bytes.Equal(text, dst[:n]), "%s %d", name, level)
			}
			if len(text) > 0 {
				_, err := d.Gunzip(make([]byte, len(text)-1), packed)
				require.ErrorIs(t, err, ErrFull)
			}
		}
	}
}

// Literals directly before the longest matches, at every distance from the end of the output.
func TestTheOutputMayEndAnywhere(t *testing.T) {
	var d Decoder
	var text []byte
	for i := range 20 {
		text = append(text, byte(i), byte(i+7))
		text = append(text, bytes.Repeat([]byte{'x'}, 258)...)
		text = append(text, byte(i))
		text = append(text, bytes.Repeat([]byte{'y'}, 259)...)
	}
	for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
		packed := compressed(t, text, level)
		for size := range len(text) + 20 {
			memory := bytes.Repeat([]byte{0xaa}, size+16)
			n, err := d.Gunzip(memory[:size:size], packed)
			if size < len(text) {
				require.ErrorIs(t, err, ErrFull)
			} else {
				require.NoError(t, err)
				require.True(t, bytes.Equal(text, memory[:n]))
			}
			require.Equal(t, bytes.Repeat([]byte{0xaa}, 16), memory[size:], "nothing is written behind it")
		}
	}
}

func TestMembersStandBehindEachOther(t *testing.T) {
	var d Decoder
	packed := append(compressed(t, []byte("one "), 1), compressed(t, []byte("two"), 9)...)
	dst := make([]byte, 20)
	n, err := d.Gunzip(dst, packed)
	require.NoError(t, err)
	require.Equal(t, "one two", string(dst[:n]))
	_, err = d.Gunzip(dst, append(packed, 'x'))
	require.Error(t, err)
}

// Whatever is cut off or changed is refused, or gives what the standard library gives.
func TestBrokenInputIsRefusedAsTheStandardLibraryDoes(t *testing.T) {
	var d Decoder
	packed := compressed(t, []byte("some text, some more text, and some more"), 9)
	for i := range packed {
		require.Error(t, second(d.Gunzip(make([]byte, 100), packed[:i])), "%d", i)
		for bit := range 8 {
			broken := bytes.Clone(packed)
			broken[i] ^= 1 << bit
			same(t, &d, broken)
		}
	}
}

func second(_ int, err error) error { return err }

// same compares with the standard library, for gzip and for the DEFLATE in it.
func same(t *testing.T, d *Decoder, packed []byte) {
	t.Helper()
	dst := make([]byte, 1<<20)
	want, wantErr := standard(packed, len(dst))
	n, err := d.Gunzip(dst, packed)
	if len(want) <= len(dst) {
		require.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
	}
	if wantErr == nil && err == nil {
		require.True(t, bytes.Equal(want, dst[:n]))
	}
	r := bytes.NewReader(packed)
	want, wantErr = io.ReadAll(io.LimitReader(flate.NewReader(r), int64(len(dst))+1))
	n, read, err := d.Inflate(dst, packed)
	if len(want) > len(dst) {
		require.Error(t, err)
		return
	}
	require.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
	if err != nil {
		return
	}
	require.True(t, bytes.Equal(want, dst[:n]))
	require.Equal(t, len(packed)-r.Len(), read)
	for short := range min(n, 300) { // and with room for less: all ends near the fast loop's
		room := n - short - 1
		_, _, err := d.Inflate(dst[:room:room], packed)
		require.ErrorIs(t, err, ErrFull)
	}
}

func standard(packed []byte, limit int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, int64(limit)+1))
}

func FuzzInflate(f *testing.F) {
	for _, text := range texts() {
		text = text[:min(len(text), 2000)]
		f.Add(compressed(f, text, 9))
		f.Add(compressed(f, text, gzip.HuffmanOnly)[headerSize:])
	}
	f.Add([]byte{0, 5, 0, 0xfa, 0xff, 'h', 'e', 'l', 'l', 'o', 3, 0})
	var d Decoder
	f.Fuzz(func(t *testing.T, data []byte) { same(t, &d, data) })
}

func TestNothingIsAllocated(t *testing.T) {
	d := new(Decoder)
	text := texts()["skewed"]
	packed, dst := compressed(t, text, 6), make([]byte, len(text))
	require.Zero(t, testing.AllocsPerRun(10, func() {
		if _, err := d.Gunzip(dst, packed); err != nil {
			t.Fatal(err)
		}
	}))
}

// Beside the library that reads streams, into memory of the right size.
func BenchmarkGunzip(b *testing.B) {
	text := spantest.ReferenceRequest(1)
	packed := compressed(b, text, gzip.DefaultCompression)
	dst := make([]byte, len(text)+1)
	b.Run("inflate", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		d := new(Decoder)
		for b.Loop() {
			if _, err := d.Gunzip(dst, packed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("klauspost", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		var r klauspost.Reader
		src := bytes.NewReader(nil)
		for b.Loop() {
			src.Reset(packed)
			if err := r.Reset(src); err != nil {
				b.Fatal(err)
			}
			if n, err := io.ReadFull(&r, dst); n != len(text) || err != io.ErrUnexpectedEOF {
				b.Fatal(n, err)
			}
		}
	})
}
