package spanstore

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func id(n uint64) (id ID) {
	binary.LittleEndian.PutUint64(id[3:], n)
	return id
}

// reopen opens a copy of the directory as a kill at this moment would leave it.
func reopen(t *testing.T, dir string, bytesMax int64) (*Store, *Left) {
	t.Helper()
	other := t.TempDir()
	require.NoError(t, os.CopyFS(other, os.DirFS(dir)))
	s, left, err := Open(other, bytesMax)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, left
}

func bodies(left *Left) (all []string, at []int64) {
	left.Requests(func(r *Request) {
		all, at = append(all, r.Context+string(r.Body)), append(at, r.At.UnixMilli())
	})
	return all, at
}

func TestWhatWasStoredIsThereAfterAKill(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		s, left, err := Open(dir, 1<<40)
		require.NoError(t, err)
		require.True(t, left.Empty())
		now := time.UnixMilli(1_700_000_000_000)
		var want []string
		var at []int64
		contexts := []string{"", "tenant a", "tenant b"}
		decided := map[ID]*[3]int{}
		flushed := map[ID]bool{}
		pending := map[ID]bool{}
		for i := range 300 {
			now = now.Add(time.Duration(rng.IntN(20)) * time.Millisecond)
			trace := id(rng.Uint64N(40))
			switch rng.IntN(4) {
			case 0, 1:
				body := fmt.Sprintf("request %d %d", i, rng.Uint64())
				context := contexts[rng.IntN(3)]
				require.NoError(t, s.Append(now, context, []byte(body)))
				want, at = append(want, context+body), append(at, now.UnixMilli())
			case 2:
				s.Dropped(&trace)
				pending[trace] = true
				if rng.IntN(3) == 0 {
					require.NoError(t, s.Flush(now))
					for d := range pending {
						flushed[d] = true
					}
					clear(pending)
				}
			case 3:
				n := 1 + rng.Uint32N(3)
				context := rng.IntN(3)
				require.NoError(t, s.Sent(now, contexts[context], []Sent{{trace, n}, {id(1000 + rng.Uint64N(5)), 1}}))
				if decided[trace] == nil {
					decided[trace] = new([3]int)
				}
				decided[trace][context] += int(n)
			}
		}
		_, left = reopen(t, dir, 1<<40)
		got, gotAt := bodies(left)
		require.Equal(t, want, got)
		require.Equal(t, at, gotAt)
		require.Equal(t, at[0], left.Oldest().UnixMilli())
		sent := map[ID]bool{}
		left.SentTraces(func(id *ID) { sent[*id] = true })
		for n := range uint64(40) {
			trace := id(n)
			require.Equal(t, flushed[trace] && decided[trace] == nil, left.Dropped(&trace), "dropped and not sent since")
			require.Equal(t, decided[trace] != nil, sent[trace])
		}
		left.Requests(func(r *Request) {
			for trace, of := range decided {
				for n := &of[slices.Index(contexts, r.Context)]; *n > 0; *n-- {
					require.True(t, left.TakeSent(&trace, r))
				}
				require.False(t, left.TakeSent(&trace, r))
			}
		})
		require.NoError(t, s.Close())
	}
}

func TestAContextThatIsTooLongIsCounted(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(dir, 1<<40)
	require.NoError(t, err)
	now := time.UnixMilli(1_700_000_000_000)
	long := strings.Repeat("x", ContextMax)
	require.NoError(t, s.Append(now, long, []byte("request")))
	require.NoError(t, s.Sent(now, long, []Sent{{id(1), 1}}))
	require.ErrorContains(t, s.Append(now, long+"x", []byte("request")), "cannot store a context of 61441 bytes")
	require.ErrorContains(t, s.Sent(now, long+"x", []Sent{{id(2), 1}}), "cannot store a context of 61441 bytes")
	require.EqualValues(t, 2, s.Stats().Failed)
	_, left := reopen(t, dir, 1<<40)
	all, _ := bodies(left)
	require.Equal(t, []string{long + "request"}, all)
	require.NoError(t, s.Close())
}

func TestATornRequestIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(dir, 1<<40)
	require.NoError(t, err)
	now := time.UnixMilli(1_700_000_000_000)
	for i := range 10 {
		require.NoError(t, s.Append(now, "", fmt.Appendf(nil, "a request that is long enough, %d", i)))
	}
	require.NoError(t, s.Close())
	files, err := filepath.Glob(filepath.Join(dir, "requests", "*.log"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(files[0], info.Size()-20))
	_, left := reopen(t, dir, 1<<40)
	got, _ := bodies(left)
	require.Len(t, got, 9)
}

func TestTrimKeepsWhatIsAskedForAndRemovesMostOfTheRest(t *testing.T) {
	dir := t.TempDir()
	s, _, err := Open(dir, 1<<40)
	require.NoError(t, err)
	start := time.UnixMilli(1_700_000_000_000)
	body := make([]byte, 1<<20)
	for i := range 200 {
		at := start.Add(time.Duration(i) * time.Second)
		binary.LittleEndian.PutUint64(body, uint64(i))
		require.NoError(t, s.Append(at, "", body))
		trace := id(uint64(i))
		s.Dropped(&trace)
		require.NoError(t, s.Flush(at))
	}
	require.NoError(t, s.Trim(start.Add(150*time.Second)))
	require.Less(t, s.Stats().Bytes, int64(90<<20))
	bytes := s.Stats().Bytes
	require.NoError(t, s.Flush(start))
	require.Equal(t, bytes, s.Stats().Bytes, "what was flushed is not flushed again")
	again, left := reopen(t, dir, 1<<40)
	all, at := bodies(left)
	require.LessOrEqual(t, at[0], start.Add(150*time.Second).UnixMilli())
	require.Len(t, all, 200-int(at[0]-start.UnixMilli())/1000, "none is missing behind the first")
	trace := id(160)
	require.True(t, left.Dropped(&trace))
	require.NoError(t, again.Trim(start.Add(time.Hour)))
	require.Zero(t, again.Stats().Bytes, "also what an earlier process left")
	require.NoError(t, s.Trim(start.Add(time.Hour)))
	require.Zero(t, s.Stats().Bytes)
	require.NoError(t, s.Append(start.Add(time.Hour), "", body), "it goes on")
	require.NoError(t, s.Close())
}

func TestAFullStoreLosesTheOldest(t *testing.T) {
	dir := t.TempDir()
	const most = 80 << 20
	s, _, err := Open(dir, most)
	require.NoError(t, err)
	now := time.UnixMilli(1_700_000_000_000)
	for range 300 {
		require.NoError(t, s.Append(now, "", make([]byte, 1<<20)))
		require.LessOrEqual(t, s.Stats().Bytes, int64(most+requestSegment))
	}
	require.NotZero(t, s.Stats().Evicted)
	require.Zero(t, s.Stats().Failed)
	require.NoError(t, s.Close())
	s, _, err = Open(dir, most)
	require.NoError(t, err)
	_, _, err = Open(dir, most)
	require.ErrorContains(t, err, "does another process use it")
	require.NoError(t, s.Close())
}
