package segmentlog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, dir string, segmentBytes int64) (*Log, []Found, Damage) {
	t.Helper()
	var found []Found
	l, damage, err := Open(Config{Dir: dir, SegmentBytes: segmentBytes}, func(f Found) {
		f.Meta = bytes.Clone(f.Meta)
		found = append(found, f)
	})
	require.NoError(t, err)
	return l, found, damage
}

// only returns the path of the only segment.
func only(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

// oracle is what a log must have.
type oracle struct {
	at     []Position
	record []Record
}

func (o *oracle) check(t *testing.T, l *Log) {
	t.Helper()
	for i, p := range o.at {
		meta, body, err := l.Read(p)
		require.NoError(t, err, "record %d", i)
		require.Equal(t, o.record[i].Meta, meta)
		require.Equal(t, o.record[i].Body, body)
	}
}

func (o *oracle) append(t *testing.T, l *Log, random *rand.Rand) {
	t.Helper()
	records := make([]Record, 1+random.IntN(4))
	for i := range records {
		records[i].Meta = fmt.Appendf(nil, "meta %d %d", len(o.at), i)
		records[i].Body = make([]byte, random.IntN(300))
		for j := range records[i].Body {
			records[i].Body[j] = byte(random.Uint32())
		}
	}
	at := make([]Position, len(records))
	require.NoError(t, l.Append(records, at))
	o.at, o.record = append(o.at, at...), append(o.record, records...)
}

func (o *oracle) remove(through uint64) {
	for len(o.at) > 0 && o.at[0].Segment <= through {
		o.at, o.record = o.at[1:], o.record[1:]
	}
}

func TestALogHasWhatWasAppended(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		l, _, _ := open(t, dir, 2000)
		var o oracle
		for range 200 {
			switch random.IntN(20) {
			case 0:
				var found []Found
				var damage Damage
				require.NoError(t, l.Close())
				l, found, damage = open(t, dir, 2000)
				require.Zero(t, damage)
				require.Len(t, found, len(o.at))
				for i, f := range found {
					require.Equal(t, o.at[i], f.Position)
					require.Equal(t, o.record[i].Meta, f.Meta)
					require.Len(t, o.record[i].Body, f.Body)
				}
			case 1:
				through := l.Oldest() + uint64(random.IntN(2))
				require.NoError(t, l.RemoveThrough(through))
				o.remove(through)
			default:
				o.append(t, l, random)
			}
			o.check(t, l)
		}
		size := int64(0)
		files, err := filepath.Glob(filepath.Join(dir, "*.log"))
		require.NoError(t, err)
		for _, f := range files {
			info, err := os.Stat(f)
			require.NoError(t, err)
			size += info.Size()
		}
		require.Equal(t, size, l.Size())
		require.NoError(t, l.Close())
	}
}

func TestATornEndIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := open(t, dir, 1<<20)
	var o oracle
	random := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		o.append(t, l, random)
	}
	size := l.Size()
	require.NoError(t, l.Close())
	last := o.at[len(o.at)-1].Offset
	path := only(t, dir)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := last + 1; cut < size-align; cut++ {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		l, found, damage := open(t, dir, 1<<20)
		require.Len(t, found, len(o.at)-1)
		require.Equal(t, Damage{Regions: 1, Bytes: cut - last}, damage)
		// What comes now goes to a segment of its own.
		at := make([]Position, 1)
		require.NoError(t, l.Append([]Record{{Body: []byte("more")}}, at))
		require.Equal(t, Position{Segment: 2}, at[0])
		require.NoError(t, l.RemoveThrough(2))
		require.NoError(t, l.Close())
	}
}

func TestADamagedRecordHidesNoOther(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := open(t, dir, 1<<20)
	records := make([]Record, 9)
	for i := range records {
		records[i] = Record{Meta: fmt.Appendf(nil, "meta %d", i), Body: fmt.Appendf(nil, "the body of record %d", i)}
	}
	at := make([]Position, len(records))
	require.NoError(t, l.Append(records, at))
	require.NoError(t, l.Close())
	path := only(t, dir)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := at[4].Offset; i < at[5].Offset; i++ {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x40
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		l, found, damage := open(t, dir, 1<<20)
		var bad int
		for _, f := range found {
			if _, _, err := l.Read(f.Position); err != nil {
				require.ErrorIs(t, err, ErrDamaged)
				require.Equal(t, at[4], f.Position)
				bad++
			}
		}
		require.Equal(t, 9, len(found)+damage.Regions)
		require.LessOrEqual(t, bad+damage.Regions, 1) // none where a bit of the padding fell
		require.NoError(t, l.Close())
	}
}

func TestADirectoryHasOneLog(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := open(t, dir, 1000)
	_, _, err := Open(Config{Dir: dir, SegmentBytes: 1000}, func(Found) {})
	require.ErrorContains(t, err, "does another process use it?")
	require.NoError(t, l.Close())
	l, _, _ = open(t, dir, 1000)
	require.NoError(t, l.Close())
}

func TestWhatIsRemovedIsGone(t *testing.T) {
	l, _, _ := open(t, t.TempDir(), 10)
	at := make([]Position, 1)
	require.NoError(t, l.Append([]Record{{Body: []byte("a")}}, at))
	require.NoError(t, l.RemoveThrough(1))
	_, _, err := l.Read(at[0])
	require.ErrorIs(t, err, ErrGone)
	require.Zero(t, l.Size())
	require.Zero(t, l.Oldest())
	require.NoError(t, l.Append([]Record{{Body: []byte("b")}}, at))
	require.Equal(t, Position{Segment: 2}, at[0])
	require.NoError(t, l.Close())
}

func FuzzOpen(f *testing.F) {
	var whole []byte
	for i := range 3 {
		whole = appendRecord(whole, &Record{Meta: fmt.Appendf(nil, "meta %d", i), Body: fmt.Appendf(nil, "body %d", i)}, 3)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, segmentName(7, 3)), content, 0o600))
		l, found, damage := open(t, dir, 100)
		sound := int64(0)
		for _, r := range found {
			sound += min(padded(len(r.Meta), r.Body), int64(len(content))-r.Offset)
			if _, body, err := l.Read(r.Position); err == nil {
				require.Len(t, body, r.Body)
			} else {
				require.ErrorIs(t, err, ErrDamaged)
			}
		}
		require.Equal(t, int64(len(content)), sound+damage.Bytes)
		at := make([]Position, 1)
		require.NoError(t, l.Append([]Record{{Body: []byte("after")}}, at))
		_, body, err := l.Read(at[0])
		require.NoError(t, err)
		require.Equal(t, "after", string(body))
		require.NoError(t, l.Close())
	})
}

// Damage has the log look for the next record: one that somebody wrote into the text of a body is none.
func TestARecordWithinABodyIsNone(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := open(t, dir, 1<<20)
	forged := appendRecord(make([]byte, 4), &Record{Meta: []byte("forged"), Body: []byte("forged")}, 0)
	require.NoError(t, l.Append([]Record{{Meta: nil, Body: forged}, {Body: []byte("next")}}, make([]Position, 2)))
	require.NoError(t, l.Close())
	content, err := os.ReadFile(only(t, dir))
	require.NoError(t, err)
	content[16] ^= 1
	require.NoError(t, os.WriteFile(only(t, dir), content, 0o600))
	l, found, damage := open(t, dir, 1<<20)
	require.Len(t, found, 1)
	require.Equal(t, 4, found[0].Body)
	require.Equal(t, 1, damage.Regions)
	require.NoError(t, l.Close())
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ffffffffffffffff-00000000.log", "0000000000000001.log", "000000000000000A-00000000.log", "notes.log"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	l, found, damage := open(t, dir, 1<<20)
	require.Empty(t, found)
	require.Zero(t, damage)
	at := make([]Position, 1)
	require.NoError(t, l.Append([]Record{{Body: []byte("a")}}, at))
	require.Equal(t, uint64(1), at[0].Segment)
	require.ErrorContains(t, l.Append([]Record{{Meta: make([]byte, maxMeta+1)}}, at), "bytes of meta")
	l.Roll()
	require.NoError(t, l.Append([]Record{{Body: []byte("b")}}, at))
	require.Equal(t, Position{Segment: 2}, at[0])
	require.NoError(t, l.Sync())
	require.NoError(t, l.Close())
}
