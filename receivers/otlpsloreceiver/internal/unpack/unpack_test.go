package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/encoding"
)

// pack compresses with the encoder of the gRPC compressor of that name, or what HTTP has beside.
func pack(t testing.TB, name string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case Zlib, Deflate:
		w = zlib.NewWriter(&out)
	default:
		w, err = encoding.GetCompressor(name).Compress(&out)
	}
	require.NoError(t, err)
	_, err = w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestWhatWasPackedIsUnpacked(t *testing.T) {
	for _, name := range HTTP {
		for _, body := range []string{"", "x", strings.Repeat("span ", 100_000)} {
			packed := pack(t, name, []byte(body))
			if len(packed) == 0 { // the writer of snappy frames has nothing to say of an empty body
				continue
			}
			for range 2 { // the second time with a decoder that was used before
				r, err := NewReader(name, packed, int64(len(body)))
				require.NoError(t, err, name)
				got, err := io.ReadAll(r)
				require.NoError(t, err, name)
				require.Equal(t, body, string(got), name)
				require.NoError(t, r.Close())
				require.NoError(t, r.Close())
				n, err := r.Read(make([]byte, 1))
				require.Zero(t, n, "a closed reader has nothing")
				require.Equal(t, io.EOF, err)
			}
		}
	}
}

func TestDecodingStopsAtTheLimit(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 10<<20)
	for _, name := range HTTP {
		r, err := NewReader(name, pack(t, name, body), 1000)
		require.NoError(t, err, name)
		got, err := io.ReadAll(r)
		require.ErrorIs(t, err, ErrTooLarge, name)
		require.Len(t, got, 1000, name)
		require.NoError(t, r.Close())
	}
}

func TestASnappyBlockIsBoundedBeforeItIsDecoded(t *testing.T) {
	block := []byte{0xff, 0xff, 0xff, 0xff, 0x0f} // says that it decodes to 4 GiB
	_, err := NewReader(Snappy, block, 1<<20)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestAZstdFrameCannotClaimALargerWindowThanItMay(t *testing.T) {
	for window, fits := range map[int]bool{zstdWindowMax: true, 2 * zstdWindowMax: false} {
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out, zstd.WithWindowSize(window))
		require.NoError(t, err)
		_, err = w.Write(bytes.Repeat([]byte("span "), 1<<20))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		r, err := NewReader(Zstd, out.Bytes(), 100<<20)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		require.Equal(t, fits, err == nil, "window %d: %v", window, err)
	}
}

func TestAnUnknownEncodingIsAnError(t *testing.T) {
	_, err := NewReader("br", nil, 1)
	require.ErrorContains(t, err, `"br"`)
}

func TestADecoderThatMetGarbageIsUsedAgain(t *testing.T) {
	for _, name := range HTTP {
		for range 3 {
			r, err := NewReader(name, []byte("this is not compressed"), 1000)
			if err == nil {
				_, err = io.ReadAll(r)
				require.NoError(t, r.Close())
			}
			require.Error(t, err, name)
			r, err = NewReader(name, pack(t, name, []byte("but this is")), 1000)
			require.NoError(t, err, name)
			got, err := io.ReadAll(r)
			require.NoError(t, err, name)
			require.Equal(t, "but this is", string(got))
			require.NoError(t, r.Close())
		}
	}
}

func TestAStreamThatIsCutOffIsAnError(t *testing.T) {
	body := []byte(strings.Repeat("a request of some spans", 1000))
	for _, name := range HTTP {
		packed := pack(t, name, body)
		for _, cut := range []int{1, 4, 8, len(packed) / 2} {
			r, err := NewReader(name, packed[:len(packed)-cut], 1<<20)
			if err == nil {
				_, err = io.ReadAll(r)
				require.NoError(t, r.Close())
			}
			require.Error(t, err, "%s, %d bytes missing", name, cut)
		}
	}
	packed := pack(t, Gzip, body)
	_, err := unpackStream(Gzip, packed[:len(packed)-1], 1<<20)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestMembersOfGzipAreOneStream(t *testing.T) {
	packed := append(pack(t, Gzip, []byte("a request, ")), pack(t, Gzip, []byte("in two members"))...)
	for _, open := range []func(string, []byte, int64) (io.ReadCloser, error){NewReader, NewMessage} {
		r, err := open(Gzip, packed, 100)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "a request, in two members", string(got))
		require.NoError(t, r.Close())
	}
	got, err := unpackStream(Gzip, packed, 100)
	require.NoError(t, err)
	require.Equal(t, "a request, in two members", string(got))
	require.EqualValues(t, len("in two members"), SizeHint(Gzip, packed), "the last one's")
}

func TestGzipSaysHowLargeItIs(t *testing.T) {
	for _, size := range []int{0, 1, 100_000, 3 << 20} {
		require.EqualValues(t, size, SizeHint(Gzip, pack(t, Gzip, make([]byte, size))))
	}
	packed := pack(t, Gzip, []byte("span"))
	copy(packed[len(packed)-4:], "\xff\xff\xff\xff")
	require.EqualValues(t, 1032*len(packed), SizeHint(Gzip, packed), "so few bytes are not more")
	require.Zero(t, SizeHint(Gzip, packed[:10]))
	require.Zero(t, SizeHint(Gzip, nil))
	require.Zero(t, SizeHint(Zstd, packed))
}

func TestAnIdleDecoderHoldsNoSource(t *testing.T) {
	for _, name := range GRPC {
		packed := pack(t, name, []byte(strings.Repeat("span ", 100_000)))
		for _, stream := range []bool{false, true} {
			var p *pooled
			var err error
			if stream {
				p, err = openStream(name, bytes.NewReader(packed))
			} else {
				p, err = open(name, packed)
			}
			require.NoError(t, err)
			_, err = p.Read(make([]byte, 1))
			require.NoError(t, err)
			d := p.in
			require.NoError(t, p.Close())
			require.Zero(t, d.whole.Size(), name)
			require.Equal(t, source{eof{}}, d.parts, name)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for i, name := range HTTP {
		f.Add(uint8(i), pack(f, name, []byte("a request of some spans, spans, spans")))
	}
	f.Fuzz(func(t *testing.T, which uint8, packed []byte) {
		const limit = 1 << 16
		name := HTTP[int(which)%len(HTTP)]
		require.LessOrEqual(t, SizeHint(name, packed), int64(len(packed))*deflateMost)
		r, err := NewReader(name, packed, limit)
		if err != nil {
			return
		}
		got, err := io.ReadAll(r)
		require.LessOrEqual(t, len(got), limit)
		require.NoError(t, r.Close())
		if name == Snappy && !isFramed(packed) || !slices.Contains(GRPC, name) {
			return
		}
		streamed, streamErr := unpackStream(name, packed, limit)
		require.Equal(t, err == nil, streamErr == nil, "whole: %v, in pieces: %v", err, streamErr)
		require.Equal(t, got, streamed)
	})
}

// unpackStream reads what comes byte by byte.
func unpackStream(name string, packed []byte, limit int64) ([]byte, error) {
	r, err := NewStream(name, iotest.OneByteReader(bytes.NewReader(packed)), limit)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

func BenchmarkGunzip(b *testing.B) {
	var body []byte
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		body = fmt.Appendf(body, "GET /cart checkout, trace %016x span %016x, %d ms", random.Uint64(), random.Uint64(), random.IntN(1000))
	}
	packed := pack(b, Gzip, body)
	out := make([]byte, 64<<10)
	for name, open := range map[string]func() (io.ReadCloser, error){
		"whole":     func() (io.ReadCloser, error) { return NewMessage(Gzip, packed, 1<<20) },
		"in pieces": func() (io.ReadCloser, error) { return NewStream(Gzip, bytes.NewReader(packed), 1<<20) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := open()
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Read(out)
				}
				_ = r.Close()
			}
		})
	}
}
