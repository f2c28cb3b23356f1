package rawgrpc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	echoPath = "/test.Service/Echo" // runs on the connection's goroutine
	waitPath = "/test.Service/Wait" // runs apart
	failPath = "/test.Service/Fail"
)

// testRoom counts what is held of so many bytes.
type testRoom struct{ used, max atomic.Int64 }

func (r *testRoom) TryAcquire(n int64) bool {
	if r.used.Add(n) > r.max.Load() {
		r.used.Add(-n)
		return false
	}
	return true
}

func (r *testRoom) Release(n int64) { r.used.Add(-n) }

// running is a server under test.
type running struct {
	*Server
	address string
	room    *testRoom
	refused sync.Map // Refusal -> *atomic.Int64
}

func (r *running) refusals(why Refusal) int64 {
	n, ok := r.refused.Load(why)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

// echo answers with the message's digest, which it takes twice: of a copy, and of what a reader reads.
func echo(_ context.Context, m *Message) ([]byte, error) {
	body := make([]byte, m.Len())
	m.CopyTo(body)
	read, err := io.ReadAll(m.NewReader())
	if err != nil || !bytes.Equal(read, body) {
		return nil, fmt.Errorf("read %d bytes, copied %d: %w", len(read), len(body), err)
	}
	if piece, ok := m.Whole(); ok && !bytes.Equal(piece, body) {
		return nil, fmt.Errorf("its one piece has %d bytes, all have %d", len(piece), len(body))
	}
	return digest(body), nil
}

func digest(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}

func fail(context.Context, *Message) ([]byte, error) {
	s, err := status.New(codes.ResourceExhausted, "100 % full: später").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	if err != nil {
		return nil, err
	}
	return nil, s.Err()
}

func start(t testing.TB, change ...func(*Options)) *running {
	t.Helper()
	r := &running{room: &testRoom{}}
	r.room.max.Store(64 << 20)
	o := Options{
		Methods:    map[string]Method{echoPath: {Take: echo}, waitPath: {Take: echo, Waits: true}, failPath: {Take: fail}},
		Encodings:  []string{"gzip"},
		MessageMax: 4 << 20, StreamsMax: 100, ReadBuffer: 256 << 10, ReceiveTimeout: time.Minute, Room: r.room,
		Refused: func(_ Call, why Refusal, err error) error {
			n, _ := r.refused.LoadOrStore(why, &atomic.Int64{})
			n.(*atomic.Int64).Add(1)
			return status.Error([]codes.Code{codes.Internal, codes.ResourceExhausted, codes.Unimplemented, codes.DeadlineExceeded, codes.Unavailable}[why], err.Error())
		},
	}
	for _, c := range change {
		c(&o)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.address = l.Addr().String()
	r.Server = New(o)
	served := make(chan error, 1)
	go func() { served <- r.Serve(l) }()
	t.Cleanup(func() {
		if !r.stopping.Load() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			r.Stop(ctx)
		}
		require.NoError(t, <-served)
		require.Zero(t, r.room.used.Load(), "everything was given back")
	})
	return r
}

// bytesCodec moves messages as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// dial returns gRPC's own client.
func (r *running) dial(t testing.TB, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{}), grpc.MaxCallRecvMsgSize(1<<30)),
	}, options...)
	conn, err := grpc.NewClient(r.address, options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func call(ctx context.Context, conn *grpc.ClientConn, path string, body []byte) ([]byte, error) {
	var answer []byte
	err := conn.Invoke(ctx, path, body, &answer)
	return answer, err
}

var noise = func() []byte {
	b := make([]byte, 5<<20)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}()

// randomBytes returns n bytes that other calls' are not.
func randomBytes(n int) []byte {
	at := rand.IntN(len(noise) - n + 1)
	return noise[at : at+n]
}

// sizes lie around the ends of frames, read buffers and messages.
var sizes = []int{0, 1, 4, frameMax - prefixSize, frameMax, frameMax + 1, readBufferMin, 200_000, 256 << 10, streamWindow - 5, streamWindow + 1, 4 << 20}

func TestMessagesOfAllSizesComeWhole(t *testing.T) {
	for _, buffer := range []int{0, 256 << 10} {
		r := start(t, func(o *Options) { o.ReadBuffer = buffer })
		conn := r.dial(t)
		for _, path := range []string{echoPath, waitPath} {
			for _, size := range sizes {
				body := randomBytes(size)
				answer, err := call(t.Context(), conn, path, body)
				require.NoError(t, err, size)
				require.True(t, bytes.Equal(digest(body), answer), "%s, %d bytes", path, size)
			}
		}
	}
}

func TestCallsSideBySide(t *testing.T) {
	r := start(t)
	conn := r.dial(t)
	var all sync.WaitGroup
	for worker := range 50 {
		all.Go(func() {
			for i := range 8 {
				body := randomBytes(rand.IntN(300_000))
				answer, err := call(context.Background(), conn, []string{echoPath, waitPath}[(worker+i)%2], body)
				if err != nil || !bytes.Equal(digest(body), answer) {
					t.Errorf("call %d of %d: %v", i, worker, err)
				}
			}
		})
	}
	all.Wait()
}

func TestAStatusIsToldWithItsDetails(t *testing.T) {
	conn := start(t).dial(t)
	_, err := call(t.Context(), conn, failPath, nil)
	s := status.Convert(err)
	require.Equal(t, codes.ResourceExhausted, s.Code())
	require.Equal(t, "100 % full: später", s.Message())
	require.Len(t, s.Details(), 1)
	_, err = call(t.Context(), conn, "/test.Service/None", nil)
	require.Equal(t, codes.Unimplemented, status.Code(err))
}

func TestAMessageThatIsTooLargeIsRefusedBeforeItHasCome(t *testing.T) {
	r := start(t)
	conn := r.dial(t)
	for range 3 {
		_, err := call(t.Context(), conn, echoPath, make([]byte, 4<<20+1))
		require.Equal(t, codes.ResourceExhausted, status.Code(err))
	}
	require.EqualValues(t, 3, r.refusals(RefusedTooLarge))
	_, err := call(t.Context(), conn, echoPath, []byte("the connection is as good as before"))
	require.NoError(t, err)
}

func TestWithoutRoomLargeMessagesAreRefusedAndSmallOnesTaken(t *testing.T) {
	r := start(t)
	r.room.max.Store(0)
	conn := r.dial(t)
	_, err := call(t.Context(), conn, echoPath, make([]byte, 40_000))
	require.NoError(t, err, "it fits into the buffer that every connection has")
	_, err = call(t.Context(), conn, echoPath, make([]byte, 200_000))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.EqualValues(t, 1, r.refusals(RefusedNoRoom))
	r.room.max.Store(1 << 20)
	_, err = call(t.Context(), conn, echoPath, make([]byte, 200_000))
	require.NoError(t, err)
}

func TestAdmissionComesBeforeTheMessage(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Admit = func(ctx context.Context, headers map[string][]string) (context.Context, error) {
			if strings.Join(headers["password"], "") != "sesame" || headers["key-bin"][0] != "\x00\xff" {
				return nil, status.Error(codes.Unauthenticated, "who are you?")
			}
			return ctx, nil
		}
	})
	conn := r.dial(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "key-bin", "\x00\xff")
	_, err := call(ctx, conn, echoPath, make([]byte, 1<<20))
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	_, err = call(metadata.AppendToOutgoingContext(ctx, "password", "sesame"), conn, echoPath, make([]byte, 1<<20))
	require.NoError(t, err)
}

func TestOverTLS(t *testing.T) {
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	defer https.Close()
	r := start(t, func(o *Options) {
		o.TLS = https.TLS.Clone()
		o.TLS.NextProtos = []string{"h2"}
	})
	conn := r.dial(t, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))) //nolint:gosec // a test's
	for _, size := range sizes {
		body := randomBytes(size)
		answer, err := call(t.Context(), conn, echoPath, body)
		require.NoError(t, err)
		require.True(t, bytes.Equal(digest(body), answer))
	}
}

func TestStopLetsCallsEndAndRefusesNewOnes(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	r := start(t, func(o *Options) {
		o.Methods[waitPath] = Method{Waits: true, Take: func(ctx context.Context, _ *Message) ([]byte, error) {
			close(began)
			select {
			case <-release:
				return []byte("done"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
	})
	conn := r.dial(t)
	result := make(chan string, 1)
	go func() {
		answer, err := call(context.Background(), conn, waitPath, nil)
		result <- fmt.Sprint(string(answer), err)
	}()
	<-began
	stopped := make(chan struct{})
	go func() { r.Stop(context.Background()); close(stopped) }()
	for _, err := call(t.Context(), conn, echoPath, nil); err == nil; _, err = call(t.Context(), conn, echoPath, nil) { // until it has heard
	}
	close(release)
	require.Equal(t, "done<nil>", <-result)
	<-stopped
}

func TestStopEndsBehindCallsThatFoundNoRoom(t *testing.T) {
	r := start(t)
	r.room.max.Store(0)
	p := r.connect(t)
	p.open(1, callHeaders...)
	require.NoError(t, p.WriteData(1, false, message(make([]byte, 200_000))[:5]))
	require.NoError(t, p.WritePing(false, [8]byte{}))
	for answered := false; !answered; {
		f, err := p.ReadFrame()
		require.NoError(t, err)
		_, answered = f.(*http2.PingFrame)
	}
	stopped := make(chan struct{})
	go func() { r.Stop(context.Background()); close(stopped) }()
	require.Equal(t, "goaway NO_ERROR ", p.outcome(1))
	for range 4 {
		require.NoError(t, p.WriteData(1, false, make([]byte, 12_500)))
	}
	require.Equal(t, "status 14", p.outcome(1))
	require.Equal(t, "reset NO_ERROR", p.outcome(1))
	require.Equal(t, "closed", p.outcome(1))
	<-stopped
}

func TestStopCutsOffWhatDoesNotEnd(t *testing.T) {
	began := make(chan struct{})
	r := start(t, func(o *Options) {
		o.Methods[waitPath] = Method{Waits: true, Take: func(ctx context.Context, _ *Message) ([]byte, error) {
			close(began)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
	})
	conn := r.dial(t)
	result := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), conn, waitPath, nil)
		result <- err
	}()
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Stop(ctx)
	require.Error(t, <-result)
}

func TestTheClientsDeadlineIsTheMethods(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Methods[waitPath] = Method{Waits: true, Take: func(ctx context.Context, _ *Message) ([]byte, error) {
			deadline, ok := ctx.Deadline()
			return fmt.Append(nil, ok && time.Until(deadline) <= time.Hour && time.Until(deadline) > 59*time.Minute), nil
		}}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	answer, err := call(ctx, r.dial(t), waitPath, nil)
	require.NoError(t, err)
	require.Equal(t, "true", string(answer))
}

// cut is a connection whose writes can be made to fail.
type cut struct {
	net.Conn
	fails atomic.Bool
}

func (c *cut) Write(p []byte) (int, error) {
	if c.fails.Load() {
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(p)
}

func TestAConnectionThatCannotBeWrittenEnds(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	r := start(t, func(o *Options) {
		o.Methods[waitPath] = Method{Waits: true, Take: func(context.Context, *Message) ([]byte, error) {
			close(began)
			<-release
			return nil, nil
		}}
	})
	client, server := net.Pipe()
	defer client.Close()
	go func() { _, _ = io.Copy(io.Discard, client) }()
	nc := &cut{Conn: server}
	ended := make(chan struct{})
	go func() { newConn(r.Server, nc).serve(); close(ended) }()
	p := &peer{t: t, net: client, Framer: http2.NewFramer(client, nil)}
	p.encoder = hpack.NewEncoder(&p.block)
	_, err := io.WriteString(client, http2.ClientPreface)
	require.NoError(t, err)
	require.NoError(t, p.WriteSettings())
	p.open(1, with(without(":path")[:4], ":path", waitPath, "content-type", "application/grpc")...)
	require.NoError(t, p.WriteData(1, true, message(nil)))
	<-began
	nc.fails.Store(true)
	close(release)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on reading")
	}
}

func TestStopRightBehindServe(t *testing.T) {
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s := New(Options{ReceiveTimeout: time.Minute})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		s.Stop(context.Background())
		require.NoError(t, <-served)
	}
}
