package unpack

import (
	"bytes"
	"io"
	"strings"
	"testing"

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

func FuzzUnpack(f *testing.F) {
	for i, name := range HTTP {
		f.Add(uint8(i), pack(f, name, []byte("a request of some spans, spans, spans")))
	}
	f.Fuzz(func(t *testing.T, which uint8, packed []byte) {
		const limit = 1 << 16
		r, err := NewReader(HTTP[int(which)%len(HTTP)], packed, limit)
		if err != nil {
			return
		}
		got, _ := io.ReadAll(r)
		require.LessOrEqual(t, len(got), limit)
		require.NoError(t, r.Close())
	})
}

func BenchmarkGunzip(b *testing.B) {
	body := bytes.Repeat([]byte("GET /cart checkout 0123456789abcdef "), 4000)
	packed := pack(b, Gzip, body)
	out := make([]byte, 64<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := encoding.GetCompressor(Gzip).Decompress(bytes.NewReader(packed))
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Read(out)
		}
		_ = r.(io.Closer).Close()
	}
}
